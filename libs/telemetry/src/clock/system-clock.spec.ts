import { describe, expect, it } from 'vitest';
import { systemClock } from './system-clock.js';

describe('SystemClock', () => {
  it('sleeps no shorter than asked', async () => {
    const startedAtMs = systemClock.monotonicMs();
    await systemClock.sleep(5);
    expect(systemClock.monotonicMs() - startedAtMs).toBeGreaterThanOrEqual(4);
  });

  it('rejects with the reason of the signal, before and during the sleep', async () => {
    const reason = new Error('stopping');
    await expect(systemClock.sleep(60_000, AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const sleeping = systemClock.sleep(60_000, controller.signal);
    controller.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
  });
});
