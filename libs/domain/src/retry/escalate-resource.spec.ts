import { describe, expect, it } from 'vitest';
import { REASONS } from '../errors/reasons.js';
import { escalatedBytes, ESCALATED_RESOURCES, ranOutOf } from './escalate-resource.js';
import { REASON_CLASSES } from './failure-class.js';

const GI = 2 ** 30;

describe('the amount after a lack of it', () => {
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
    expect(escalatedBytes(given, cap)).toBe(expected);
  });
});

describe('what ran out', () => {
  it('is known for every reason of the class resource, and for no other', () => {
    const known = REASONS.filter((reason) => ranOutOf(reason) !== undefined);
    expect(known).toEqual(REASONS.filter((reason) => REASON_CLASSES[reason] === 'resource'));
    expect(new Set(known.map(ranOutOf))).toEqual(new Set(ESCALATED_RESOURCES));
  });
});
