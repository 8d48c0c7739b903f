import { describe, expect, it } from 'vitest';
import { etagOf, expectedVersion } from './etag.js';

describe('an ETag', () => {
  it('is read back from If-Match', () => {
    expect(expectedVersion(etagOf(7))).toBe(7);
  });
  it.each([undefined, '*'])('%s asks for no version', (header) => {
    expect(expectedVersion(header)).toBeUndefined();
  });
  it.each(['7', 'W/"7"', '"x"', '"7", "8"', '""'])('%s is matched by nothing', (header) => {
    expect(() => expectedVersion(header)).toThrow(expect.objectContaining({ kind: 'PreconditionFailed' }));
  });
});
