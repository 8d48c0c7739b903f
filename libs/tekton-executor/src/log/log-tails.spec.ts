import { describe, expect, it } from 'vitest';
import type { LogLine } from './log-line-parser.js';
import { LogTails } from './log-tails.js';

const line = (text: string): LogLine => ({
  time: '2026-11-21T09:00:00.000000001Z',
  text: Buffer.from(text),
  newline: true,
});

describe('the last lines of a followed log', () => {
  it('are the newest twenty', () => {
    const tails = new LogTails();
    tails.start('e', 'c');
    for (let index = 0; index < 30; index += 1) tails.add('e', 'c', [line(`${index}`)]);
    const expected = Array.from({ length: 20 }, (_, index) => `${index + 10}`);
    expect(tails.find('e', 'c')).toEqual({ lines: expected, state: 'reading' });
  });

  it('stay whole when the log is opened again, and are kept when it is read on', () => {
    const tails = new LogTails();
    for (const end of ['cut', 'whole', 'cut'] as const) {
      tails.start('e', 'c');
      if (end === 'whole') tails.add('e', 'c', [line('last')]);
      tails.end('e', 'c', end);
    }
    expect(tails.find('e', 'c')).toEqual({ lines: ['last'], state: 'whole' });
  });

  it('are gone once they are forgotten, also when the log ends then', () => {
    const tails = new LogTails();
    tails.start('e', 'c');
    tails.forget('e');
    tails.end('e', 'c', 'whole');
    expect(tails.find('e', 'c')).toBeUndefined();
  });
});
