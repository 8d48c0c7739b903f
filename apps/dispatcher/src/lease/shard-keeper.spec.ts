import { createSilentLogger, Metrics } from '@image-factory/telemetry';
import type { AcquireRequest, ShardView } from '@image-factory/persistence';
import { describe, expect, it } from 'vitest';
import { ShardKeeper } from './shard-keeper.js';

const NOW = new Date();

/** The shards of one cluster, in order, as they are kept by `me` beside these live dispatchers. */
async function kept(owners: readonly (Partial<ShardView> | undefined)[], live: readonly string[], judgedAt?: Date) {
  const held = owners.flatMap((owner, shard) =>
    owner?.owner === 'me' ? [{ providerId: 'p', host: '', shard, token: `t${shard}` }] : [],
  );
  const asked: AcquireRequest[] = [];
  const released: number[] = [];
  const views = owners.map((owner, shard) => ({ providerId: 'p', host: '', shard, token: `t${shard}`, ...owner }));
  const stores = {
    leases: {
      ensureShards: async () => undefined,
      listShards: async () => views,
      acquire: async (request: AcquireRequest) => (asked.push(request), []),
      release: async ({ leases }: { leases: readonly { shard: number }[] }) =>
        released.push(...leases.map(({ shard }) => shard)),
    },
    ownership: {
      liveDispatchers: async () =>
        live.map((id) => ({ id, host: 'h', unreachableProviders: [], silentProviders: [], watchAgesMs: {} })),
    },
    providers: { list: async () => [{ id: 'p', name: 'p', state: 'enabled', type: 'kubernetes', shardCount: 4 }] },
  };
  const followers = {
    leases: held,
    updateProviders: () => undefined,
    hold: () => undefined,
    giveUp: async () => undefined,
  };
  const options = {
    host: 'h',
    dispatcherId: () => 'me',
    judgedAt: () => judgedAt,
    adoptLimit: () => 8,
    onAcquired: async () => undefined,
  };
  const keeper = new ShardKeeper(stores as never, followers as never, options, createSilentLogger(), new Metrics());
  await keeper.keep();
  return { asked, released };
}

describe('shards', () => {
  const mine = { owner: 'me', ownerAlive: false };

  it('stay where they are while the database’s clock denies the lease, until a heartbeat has said so', async () => {
    expect(await kept([mine, mine, mine, mine], ['other'], NOW)).toEqual({ asked: [], released: [] });
  });

  it('of the dead are asked for at the time by which they are, and by nobody who may not judge', async () => {
    const dead = { owner: 'dead', ownerAlive: false };
    expect((await kept([dead, dead], ['me'], NOW)).asked).toMatchObject([{ shards: [0, 1], judgedAt: NOW }]);
    expect((await kept([dead, dead], ['me'])).asked).toEqual([]);
  });
});
