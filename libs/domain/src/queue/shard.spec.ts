import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { preferredOwner, shardOf } from './shard.js';
import { queueKey } from './queue-key.js';

describe('shardOf', () => {
  it('is stable and inside the range', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.integer({ min: 1, max: 64 }), (buildId, count) => {
        const shard = shardOf(buildId, count);
        expect(shard).toBeGreaterThanOrEqual(0);
        expect(shard).toBeLessThan(count);
        expect(shardOf(buildId, count)).toBe(shard);
      }),
    );
  });
});

describe('preferredOwner', () => {
  const shards = Array.from({ length: 640 }, (_, index) => `p${index % 80}/${index % 8}/${index}`);

  it('does not depend on the order in which dispatchers are listed', () => {
    for (const shard of shards)
      expect(preferredOwner(shard, ['a', 'b', 'c'])).toBe(preferredOwner(shard, ['c', 'a', 'b']));
  });

  it('moves only what a leaving dispatcher owned', () => {
    for (const shard of shards) {
      const before = preferredOwner(shard, ['a', 'b', 'c']);
      if (before !== 'c') expect(preferredOwner(shard, ['a', 'b'])).toBe(before);
    }
  });

  it('gives each of three a fair part', () => {
    const owned = shards.filter((shard) => preferredOwner(shard, ['a', 'b', 'c']) === 'a').length;
    expect(owned / shards.length).toBeGreaterThan(0.25);
    expect(owned / shards.length).toBeLessThan(0.42);
  });

  it('has nobody to name when nobody is alive', () => {
    expect(preferredOwner('x', [])).toBeUndefined();
  });
});

describe('queueKey', () => {
  it('orders as priority plus age does, at every later instant', () => {
    const step = 1000;
    const task = fc.record({ at: fc.integer({ min: 0, max: 1e9 }), priority: fc.integer({ min: 0, max: 10 }) });
    fc.assert(
      fc.property(task, task, fc.integer({ min: 0, max: 1e9 }), (a, b, later) => {
        const now = Math.max(a.at, b.at) + later;
        const aged = (of: typeof a): number => of.priority * step + (now - of.at);
        const byKey = Math.sign(queueKey(a.at, a.priority, step) - queueKey(b.at, b.priority, step));
        expect(byKey === Math.sign(aged(b) - aged(a))).toBe(true);
      }),
    );
  });
});
