import { PostgresOwnership } from '@image-factory/persistence';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { QueueWorld } from './queue-world.js';

const CAP = 4;

describe('the cap on finished runs that are not swept', () => {
  let world: QueueWorld;
  let ownership: PostgresOwnership;
  let dispatcher: string;
  let provider: string;

  beforeEach(async () => {
    world = await QueueWorld.open();
    ownership = new PostgresOwnership(world.database);
    dispatcher = await world.dispatcher();
    provider = await world.provider();
  });
  afterEach(() => world.close());

  /** Runs of ended attempts, left on the provider's cluster. */
  async function finishedRuns(count: number): Promise<void> {
    const tenant = await world.tenant(100);
    for (let index = 0; index < count; index += 1) {
      await world.submit(tenant);
      const { claimed } = await world.placed(dispatcher, provider);
      await world.database.query(
        `UPDATE build_executions SET state = 'lost', slot_held = false, finished_at = now() WHERE id = $1`,
        [claimed.executionId],
      );
    }
  }

  const sweep = (count: number): Promise<unknown> =>
    world.database.query(
      `UPDATE build_executions SET swept_at = now()
        WHERE id IN (SELECT id FROM build_executions WHERE finished_at IS NOT NULL AND swept_at IS NULL LIMIT $1)`,
      [count],
    );

  it('keeps placement away from a cluster at the cap, and lets it go on when half is swept', async () => {
    await finishedRuns(CAP);
    expect(await ownership.measureUnswept(CAP + 1, 0)).toEqual([]);
    const tenant = await world.tenant();
    await world.submit(tenant);
    const claimed = await world.claimOne(dispatcher);
    await world.submit(tenant);
    expect(await ownership.measureUnswept(CAP, 0)).toMatchObject([
      { providerId: provider, behind: true, unswept: CAP },
    ]);

    expect((await world.queue.claim({ dispatcherId: dispatcher, limit: 1 })).claimed).toEqual([]);
    const refused = await world.queue.place(world.commit(claimed, dispatcher, provider));
    expect(refused).toMatchObject({ kind: 'provider-refused', reason: 'SweepBehind' });
    expect(refused).toMatchObject({ message: expect.stringContaining(`${CAP} finished runs`) as string });

    await sweep(1);
    expect(await ownership.measureUnswept(CAP, 0)).toMatchObject([{ behind: true, unswept: CAP - 1 }]);
    await sweep(1);
    expect(await ownership.measureUnswept(CAP, 0)).toMatchObject([{ behind: false, unswept: 0 }]);
    expect(await world.queue.place(world.commit(claimed, dispatcher, provider))).toEqual({ kind: 'placed' });
    await world.claimOne(dispatcher);
  });

  it('counts neither what still runs nor what runs elsewhere, and writes nothing while all is well', async () => {
    const tenant = await world.tenant(100);
    const other = await world.provider();
    for (let index = 0; index < CAP; index += 1) {
      await world.submit(tenant);
      await world.placed(dispatcher, other);
    }
    await finishedRuns(CAP - 1);
    expect(await ownership.measureUnswept(CAP, 0)).toEqual([]);
    expect(await world.database.query('SELECT 1 FROM providers WHERE unswept <> 0')).toEqual([]);
  });

  it('leaves out those that are kept for a while on purpose, however many', async () => {
    await finishedRuns(3 * CAP);
    expect(await ownership.measureUnswept(CAP, 60_000)).toEqual([]);
    await world.database.query(`UPDATE build_executions SET finished_at = now() - interval '61 seconds'`);
    expect(await ownership.measureUnswept(CAP, 60_000)).toMatchObject([{ behind: true, unswept: 3 * CAP }]);
  });

  it('passes over a provider that is locked, and measures it at the next round', async () => {
    await finishedRuns(CAP);
    await world.database.transaction(async (tx) => {
      await tx.query('SELECT 1 FROM providers WHERE id = $1 FOR NO KEY UPDATE', [provider]);
      expect(await ownership.measureUnswept(CAP, 0)).toEqual([]);
    });
    expect(await ownership.measureUnswept(CAP, 0)).toHaveLength(1);
  });
});
