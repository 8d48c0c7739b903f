import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LOAD_FACTOR, LOAD_FLOOR, loadBounds, ringDistances, type RingMember } from './bounded-hash.js';

function nearest(key: string, members: readonly RingMember[]): string {
  const distances = ringDistances(key, members);
  return members[distances.indexOf(Math.min(...distances))]?.id ?? '';
}

const members = (weights: readonly number[]): RingMember[] =>
  weights.map((weight, index) => ({ id: `member-${index}`, weight, running: 0 }));

describe('the ring', () => {
  it('gives each member the share of its weight', () => {
    const ring = members([1, 1, 2, 4]);
    const homes = new Map<string, number>();
    for (let key = 0; key < 8_000; key += 1) {
      const home = nearest(`key-${key}`, ring);
      homes.set(home, (homes.get(home) ?? 0) + 1);
    }
    for (const { id, weight } of ring) {
      const share = (homes.get(id) ?? 0) / 8_000;
      expect(Math.abs(share - weight / 8)).toBeLessThan(0.02);
    }
  });

  it('moves only the keys of the member that leaves', () => {
    const key = fc.string({ maxLength: 40 });
    fc.assert(
      fc.property(key, fc.integer({ min: 2, max: 20 }), fc.nat(), (text, count, which) => {
        const ring = members(Array.from({ length: count }, () => 1));
        const left = ring[which % count];
        const home = nearest(text, ring);
        const after = nearest(
          text,
          ring.filter((member) => member !== left),
        );
        expect(home === left?.id || after === home).toBe(true);
      }),
    );
  });
});

describe('the bounds', () => {
  const anyMember = fc.record({
    id: fc.uuid(),
    weight: fc.integer({ min: 1, max: 100 }),
    running: fc.nat(500),
  });

  it('leave room for one more somewhere, and none above the factor', () => {
    fc.assert(
      fc.property(fc.array(anyMember, { minLength: 1, maxLength: 30 }), (ring) => {
        const bounds = loadBounds(ring);
        expect(ring.some(({ running }, index) => running + 1 <= (bounds[index] ?? 0))).toBe(true);
        const total = ring.reduce((sum, { running }) => sum + running, 1);
        const weights = ring.reduce((sum, { weight }) => sum + weight, 0);
        ring.forEach(({ weight }, index) => {
          const most = Math.max(LOAD_FLOOR, (LOAD_FACTOR * total * weight) / weights + 1);
          expect(bounds[index]).toBeLessThanOrEqual(most);
        });
      }),
    );
  });
});
