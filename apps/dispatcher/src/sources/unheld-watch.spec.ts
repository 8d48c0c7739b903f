import { describe, expect, it } from 'vitest';
import { UnheldWatch } from './unheld-watch.js';

describe('what somebody else holds', () => {
  it('is unheld when its time has stayed the same over looks for as long as one is patient', () => {
    const { watch, look } = looksEvery(5_000);
    expect(Array.from({ length: 8 }, () => look('noon'))).toEqual([...Array(6).fill(false), true, true]);
    expect(watch.isUnheld('later')).toBe(false);
  });

  it('is held as long as its time moves, however long that takes', () => {
    const { look } = looksEvery(5_000);
    const looks = Array.from({ length: 40 }, (_, index) => look(`minute ${Math.floor(index / 5)}`));
    expect(looks).not.toContain(true);
  });

  it('is not unheld because nobody could look for an hour', () => {
    const { look } = looksEvery(3_600_000);
    expect([look('noon'), look('noon'), look('noon')]).toEqual([false, false, false]);
  });
});

function looksEvery(ms: number): { watch: UnheldWatch; look: (heldAt: string) => boolean } {
  let nowMs = 0;
  const watch = new UnheldWatch(() => nowMs, 30_000);
  const look = (heldAt: string): boolean => {
    const unheld = watch.isUnheld(heldAt);
    nowMs += ms;
    return unheld;
  };
  return { watch, look };
}
