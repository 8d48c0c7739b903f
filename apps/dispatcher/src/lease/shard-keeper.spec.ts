import { createSilentLogger, Metrics } from '@image-factory/telemetry';
import type { AcquireRequest, ShardView } from '@image-factory/persistence';
import { describe, expect, it } from 'vitest';
import { ShardKeeper } from './shard-keeper.js';

const NOW = new Date();

const BATCH = 8;

/**
 * The shards of one cluster, in order, as they are kept by `me` beside these live dispatchers. What is asked for is had
 * when `grants` says so.
 */
async function kept(
  owners: readonly (Partial<ShardView> | undefined)[],
  live: readonly string[],
  judgedAt?: Date,
  grants = false,
) {
  const held = owners.flatMap((owner, shard) =>
    owner?.owner === 'me' ? [{ providerId: 'p', host: '', shard, token: `t${shard}` }] : [],
  );
  const asked: AcquireRequest[] = [];
  const released: number[] = [];
  const followed: number[] = [];
  const views = owners.map((owner, shard) => ({ providerId: 'p', host: '', shard, token: `t${shard}`, ...owner }));
  const stores = {
    leases: {
      ensureShards: async () => undefined,
      listShards: async () => views,
      acquire: async (request: AcquireRequest) => {
        asked.push(request);
        const had = grants ? views.filter(({ shard }) => request.shards?.includes(shard)) : [];
        for (const view of had) Object.assign(view, { owner: 'me', ownerAlive: true });
        return had;
      },
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
    adoptBatch: BATCH,
    onAcquired: async () => void followed.push(views.filter(({ owner }) => owner === 'me').length),
  };
  const keeper = new ShardKeeper(stores as never, followers as never, options, createSilentLogger(), new Metrics());
  let rounds = 1;
  while ((await keeper.keep()) && rounds < 10) rounds += 1;
  return { asked, released, followed, rounds };
}

describe('shards', () => {
  const mine = { owner: 'me', ownerAlive: false };

  it('stay where they are while the database’s clock denies the lease, until a heartbeat has said so', async () => {
    expect(await kept([mine, mine, mine, mine], ['other'], NOW)).toMatchObject({ asked: [], released: [] });
  });

  it('of the dead are asked for at the time by which they are, and by nobody who may not judge', async () => {
    const dead = { owner: 'dead', ownerAlive: false };
    expect((await kept([dead, dead], ['me'], NOW)).asked).toMatchObject([{ shards: [0, 1], judgedAt: NOW }]);
    expect((await kept([dead, dead], ['me'])).asked).toEqual([]);
  });

  it('of the dead are taken batch after batch without a wait, each followed before the next', async () => {
    const dead = Array.from({ length: 2 * BATCH + 3 }, () => ({ owner: 'dead', ownerAlive: false }));
    const { asked, followed, rounds } = await kept(dead, ['me'], NOW, true);
    expect(rounds).toBe(3);
    expect(asked.map(({ shards }) => shards?.length)).toEqual([BATCH, BATCH, 3]);
    expect(followed).toEqual([BATCH, 2 * BATCH, 2 * BATCH + 3]);
  });

  it('of the dead are asked for once a round when others have them', async () => {
    const dead = Array.from({ length: 2 * BATCH }, () => ({ owner: 'dead', ownerAlive: false }));
    expect(await kept(dead, ['me'], NOW)).toMatchObject({ rounds: 1, asked: [expect.anything()] });
  });
});
