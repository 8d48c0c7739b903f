import { describe, expect, it } from 'vitest';
import { escalatedMemory } from './escalate-memory.js';

const GI = 2 ** 30;

describe('the memory after a lack of it', () => {
  it.each([
    ['is twice the limit', { requestBytes: 2 * GI, limitBytes: 4 * GI }, undefined, 8 * GI],
    [
      'is twice the request where there was no limit',
      { requestBytes: 2 * GI, limitBytes: undefined },
      undefined,
      4 * GI,
    ],
    ['is at most the cap', { requestBytes: 2 * GI, limitBytes: 2 * GI }, 3 * GI, 3 * GI],
    ['is nothing more at the cap', { requestBytes: 2 * GI, limitBytes: 3 * GI }, 3 * GI, undefined],
    ['is nothing more when the cap was lowered', { requestBytes: 2 * GI, limitBytes: 3 * GI }, GI, undefined],
  ])('%s', (_, given, cap, expected) => {
    expect(escalatedMemory(given, cap)).toBe(expected);
  });
});
