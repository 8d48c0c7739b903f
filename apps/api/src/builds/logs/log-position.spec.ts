import { describe, expect, it } from 'vitest';
import { formatPosition, parsePosition } from './log-position.js';

describe('a log position', () => {
  it.each(['1:build/build:0', '2:clone/clone:12345', '1:build/build:7+2'])(
    '%s is read back as it was written',
    (text) => {
      const position = parsePosition(text);
      expect(position).toBeDefined();
      expect(formatPosition(position!)).toBe(text);
    },
  );

  it.each(['', 'x', '1:build/build', '1:build/build:-1', '1:a b:1', '1:b:1+', ':b:1', undefined])(
    '%s is none, and the stream begins at the beginning',
    (text) => {
      expect(parsePosition(text)).toBeUndefined();
    },
  );
});
