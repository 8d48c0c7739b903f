import { SystemClock, createSilentLogger } from '@image-factory/telemetry';
import { describe, expect, it } from 'vitest';
import type { FollowerParts } from './follower-parts.js';
import { ProviderFollower } from './provider-follower.js';

describe('an execution that is looked at', () => {
  it('tells the judge when its row was read, by the database, before anything in it is judged', async () => {
    const readAt = new Date();
    const told = await new Promise<unknown[]>((resolve) => {
      const parts = {
        installationId: 'i',
        dispatcherId: () => 'd',
        mayWrite: () => true,
        executions: { findOne: async () => ({ readAt, providerId: 'elsewhere' }) },
        batcher: { settle: async () => undefined, forget: () => undefined },
        judge: { databaseNowMs: () => 17, read: (...args: unknown[]) => resolve(args) },
        onForgotten: () => undefined,
        reconcileConcurrency: 1,
        clock: new SystemClock(),
        logger: createSilentLogger(),
      } as unknown as FollowerParts;
      const executor = { openFollower: () => ({ setShards: () => undefined }) };
      const follower = new ProviderFollower({ id: 'p' } as never, executor as never, parts);
      follower.takeUp({ executionId: 'e', buildId: 'b', providerId: 'p', state: 'sealing', buildStatus: 'running' });
    });
    expect(told).toEqual([readAt, 17]);
  });
});
