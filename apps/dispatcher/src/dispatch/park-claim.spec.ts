import type { Clock, Reason } from '@image-factory/domain';
import type { ClaimedExecution, ParkRequest, PostgresBuildQueue } from '@image-factory/persistence';
import { createSilentLogger, Metrics } from '@image-factory/telemetry';
import { describe, expect, it } from 'vitest';
import { ParkClaim } from './park-claim.js';

const FIRST_MS = 30_000;

/** Milliseconds for which a build sleeps that came back so often, refused by one provider for this reason. */
async function sleepMs(bounces: number, reason: Reason): Promise<number> {
  const parked: ParkRequest[] = [];
  const queue = { park: (request: ParkRequest) => Promise.resolve(parked.push(request) > 0) };
  const clock = {} as Clock;
  const parts = {
    queue: queue as unknown as PostgresBuildQueue,
    clock,
    logger: createSilentLogger(),
    metrics: new Metrics(),
  };
  const options = { noProviderWaitMs: FIRST_MS, databaseNowMs: () => 0 };
  const rejected = [{ providerId: 'p', name: 'p', reason, message: '' }];
  const decision = { chosen: undefined, candidates: [], rejected, more: [] };
  await new ParkClaim(parts, options).withoutProvider({ bounces } as ClaimedExecution, 'd', decision, []);
  return parked[0]?.parking.wakeAt?.getTime() ?? 0;
}

describe('a build that no provider may take now', () => {
  it.each<readonly [number, Reason, number]>([
    [0, 'ProviderAtLimit', 1],
    [1, 'ProviderAtLimit', 2],
    [3, 'ProviderUnhealthy', 2],
    [40, 'ProviderCordoned', 2],
    [9, 'ArchitectureMissing', 1],
    [9, 'NodeTooSmall', 1],
  ])('after %i times, refused with %s, sleeps %i times as long as at first', async (bounces, reason, times) => {
    const ms = await sleepMs(bounces, reason);
    expect(ms).toBeGreaterThanOrEqual(times * FIRST_MS * 0.8);
    expect(ms).toBeLessThanOrEqual(times * FIRST_MS * 1.2);
  });
});
