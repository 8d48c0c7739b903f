import { DEFAULT_CPU_MILLIS, DEFAULT_MEMORY_BYTES } from '@image-factory/domain';
import { describe, expect, it } from 'vitest';
import { allotLanes, type LaneRoom, laneRank } from './lane-allotment.js';

/** What runs is so many usual builds, unless said otherwise. */
function lane(tenantId: string, over: Partial<LaneRoom> = {}): LaneRoom {
  const running = over.running ?? 0;
  return {
    tenantId,
    queued: 100,
    running,
    maxRunning: 100,
    weight: 1,
    guaranteed: 0,
    runningCpu: running * DEFAULT_CPU_MILLIS,
    runningMemory: running * DEFAULT_MEMORY_BYTES,
    served: 0,
    ...over,
  };
}

describe('the share of each lane in a claim', () => {
  it.each<[string, LaneRoom[], number, Record<string, number>]>([
    ['equal lanes get equal shares', [lane('a'), lane('b'), lane('c')], 9, { a: 3, b: 3, c: 3 }],
    ['the remainder goes to the first', [lane('a'), lane('b'), lane('c')], 4, { a: 2, b: 1, c: 1 }],
    [
      'what is left over goes to those who were served least lately',
      [lane('a', { served: 3 }), lane('b', { served: 1 })],
      3,
      { a: 1, b: 2 },
    ],
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
    [
      'builds that are large in CPU or memory are fewer',
      [lane('a', { running: 1, runningCpu: 4000 }), lane('b', { running: 1, runningMemory: 4 * DEFAULT_MEMORY_BYTES })],
      2,
      { a: 1, b: 1 },
    ],
    [
      'what runs counts by its larger part, not by the number of builds',
      [lane('a', { running: 1, runningCpu: 4000 }), lane('b', { running: 3 })],
      1,
      { b: 1 },
    ],
    [
      'a guarantee comes first, and no further than it goes',
      [lane('a'), lane('b', { running: 4, guaranteed: 6 })],
      5,
      { a: 3, b: 2 },
    ],
    [
      'guarantees are filled evenly',
      [lane('a', { running: 1, guaranteed: 4 }), lane('b', { running: 4, guaranteed: 8 })],
      4,
      { a: 2, b: 2 },
    ],
    ['what nobody else wants is borrowed beyond a guarantee', [lane('a', { guaranteed: 1 })], 7, { a: 7 }],
  ])('%s', (_name, lanes, limit, expected) => {
    const allotted = Object.fromEntries(allotLanes(lanes, limit).map(({ tenantId, count }) => [tenantId, count]));
    expect(allotted).toEqual(expected);
  });
});

describe('the rank of a lane', () => {
  it('puts any lane below its guarantee before any other', () => {
    const below = laneRank(lane('a', { running: 9, guaranteed: 10 }));
    const idle = laneRank(lane('b'));
    expect(below[0]).toBeLessThan(idle[0]);
  });
});
