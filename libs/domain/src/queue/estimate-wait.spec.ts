import { describe, expect, it } from 'vitest';
import { estimateWait, type WaitFacts } from './estimate-wait.js';

/** Alone, at its limit, with slots to spare. */
const facts: WaitFacts = {
  position: 1,
  running: 10,
  maxRunning: 10,
  guaranteed: 0,
  slots: 50,
  slotsTaken: 10,
  weight: 1,
  weights: 1,
  medianSlotSeconds: 100,
  samples: 20,
};
/** It runs 10 of 100 on 50 slots that are all taken, beside four tenants of its weight. */
const beside: WaitFacts = { ...facts, maxRunning: 100, slotsTaken: 50, weights: 5 };

describe('the expected wait', () => {
  it.each([
    ['nothing while the tenant has room', { ...facts, running: 4, position: 6 }, 0],
    ['one slot’s share of the median for the next', facts, 10],
    ['as many as are ahead for the others', { ...facts, position: 25 }, 250],
    ['less by what is free', { ...facts, running: 8, position: 12 }, 100],
    ['that of its share of the slots, not of its limit, beside others', beside, 10],
    ['longer the more tenants share the slots', { ...beside, running: 0, position: 2, weights: 50 }, 200],
    ['shorter for a larger weight', { ...beside, running: 0, position: 2, weights: 50, weight: 4 }, 50],
    ['shorter for a guarantee', { ...beside, running: 0, position: 2, weights: 50, guaranteed: 4 }, 50],
    ['that of what it runs, when that is more than its share', { ...beside, running: 25, position: 5 }, 20],
    ['less by the slots that are free', { ...beside, slotsTaken: 47, position: 4 }, 8],
  ])('is %s', (_name, given, seconds) => {
    expect(estimateWait(given)?.seconds).toBe(seconds);
  });

  it('says what it is made of', () => {
    expect(estimateWait(facts)?.basis).toBe('position 1, 10 of 10 run, the last 20 attempts took 100 s in the median');
    expect(estimateWait({ ...beside, weights: 7 })?.basis).toBe(
      'position 1, 10 of 100 run, a share of 10 slots, the last 20 attempts took 100 s in the median',
    );
    expect(estimateWait({ ...beside, isHidden: true })?.basis).toBe(
      'position 1, the last 20 attempts took 100 s in the median',
    );
  });

  it('is not invented where nothing ran yet, or nothing may run', () => {
    expect(estimateWait({ ...facts, medianSlotSeconds: undefined })).toBeUndefined();
    expect(estimateWait({ ...facts, maxRunning: 0 })).toBeUndefined();
    expect(estimateWait({ ...facts, slots: 0 })).toBeUndefined();
  });
});
