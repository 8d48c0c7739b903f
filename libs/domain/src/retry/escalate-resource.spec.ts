import { describe, expect, it } from 'vitest';
import { REASONS } from '../errors/reasons.js';
import { escalatedAmount, ESCALATED_RESOURCES, ranOutOf } from './escalate-resource.js';
import { REASON_CLASSES } from './failure-class.js';

const GI = 2 ** 30;

describe('the amount after a lack of it', () => {
  it.each([
    ['is twice the limit', [2, 4], undefined, [8, 8]],
    ['is at most the cap', [2, 2], 3, [3, 3]],
    ['is nothing more at the cap', [2, 3], 3, undefined],
    ['is nothing more when the cap was lowered', [2, 3], 1, undefined],
    ['is twice the request, and no limit, where there was none', [2, undefined], undefined, [4, undefined]],
    ['is twice the request, limited by the cap alone, where there was no limit', [2, undefined], 16, [4, 16]],
    ['is nothing more without a limit when the request is the cap', [2, undefined], 2, undefined],
    ['is what the largest place has at most', [2, 4], undefined, [8, 8], 8],
    ['is nothing more when no place has it', [2, 4], undefined, undefined, 7],
    ['is nothing more without a limit when no place has it', [2, undefined], 16, undefined, 3],
  ] as const)('%s', (_, [request, limit], cap, expected, place: number | undefined = undefined) => {
    const bytes = (gibibytes: number | undefined) => (gibibytes === undefined ? undefined : gibibytes * GI);
    const given = { requestBytes: request * GI, limitBytes: bytes(limit) };
    const next = expected && { requestBytes: expected[0] * GI, limitBytes: bytes(expected[1]) };
    expect(escalatedAmount(given, { capBytes: bytes(cap), placeBytes: bytes(place) })).toEqual(next);
  });
});

describe('what ran out', () => {
  it('is known for every reason of the class resource, and for no other', () => {
    const known = REASONS.filter((reason) => ranOutOf(reason) !== undefined);
    expect(known).toEqual(REASONS.filter((reason) => REASON_CLASSES[reason] === 'resource'));
    expect(new Set(known.map(ranOutOf))).toEqual(new Set(ESCALATED_RESOURCES));
  });
});
