import { describe, expect, it } from 'vitest';
import { estimateWait } from './estimate-wait.js';

const facts = { position: 1, running: 10, maxRunning: 10, medianSlotSeconds: 100, samples: 20 };

describe('the expected wait', () => {
  it.each([
    ['nothing while the tenant has room', { ...facts, running: 4, position: 6 }, 0],
    ['one slot’s share of the median for the next', facts, 10],
    ['as many as are ahead for the others', { ...facts, position: 25 }, 250],
    ['less by what is free', { ...facts, running: 8, position: 12 }, 100],
  ])('is %s', (_name, given, seconds) => {
    expect(estimateWait(given)?.seconds).toBe(seconds);
  });

  it('says what it is made of', () => {
    expect(estimateWait(facts)?.basis).toBe('position 1, 10 of 10 run, the last 20 attempts took 100 s in the median');
  });

  it('is not invented where nothing ran yet, or nothing may run', () => {
    expect(estimateWait({ ...facts, medianSlotSeconds: undefined })).toBeUndefined();
    expect(estimateWait({ ...facts, maxRunning: 0 })).toBeUndefined();
  });
});
