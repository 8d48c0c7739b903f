import { describe, expect, it } from 'vitest';
import { allotLanes, type LaneRoom } from './lane-allotment.js';

function lane(tenantId: string, over: Partial<LaneRoom> = {}): LaneRoom {
  return { tenantId, queued: 100, running: 0, maxRunning: 100, weight: 1, ...over };
}

describe('the share of each lane in a claim', () => {
  it.each<[string, LaneRoom[], number, Record<string, number>]>([
    ['equal lanes get equal shares', [lane('a'), lane('b'), lane('c')], 9, { a: 3, b: 3, c: 3 }],
    ['the remainder goes to those who waited longest', [lane('a'), lane('b'), lane('c')], 4, { a: 2, b: 1, c: 1 }],
    ['a lane that runs more gets less', [lane('a', { running: 4 }), lane('b')], 6, { a: 1, b: 5 }],
    ['weights share in proportion', [lane('a', { weight: 3 }), lane('b')], 8, { a: 6, b: 2 }],
    ['no lane gets more than it has queued', [lane('a', { queued: 1 }), lane('b')], 6, { a: 1, b: 5 }],
    [
      'no lane passes its limit',
      [lane('a', { running: 3, maxRunning: 4 }), lane('b', { maxRunning: 2 })],
      9,
      { a: 1, b: 2 },
    ],
    ['nothing is given where nothing fits', [lane('a', { maxRunning: 0 })], 3, {}],
    ['fewer claims than lanes serve the first ones', [lane('a'), lane('b'), lane('c')], 2, { a: 1, b: 1 }],
  ])('%s', (_name, lanes, limit, expected) => {
    const allotted = Object.fromEntries(allotLanes(lanes, limit).map(({ tenantId, count }) => [tenantId, count]));
    expect(allotted).toEqual(expected);
  });
});
