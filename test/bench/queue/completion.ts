import type { ClaimedExecution } from '@image-factory/persistence';
import { alternate, samplesOf } from '../measure/alternate.ts';
import { loopRate } from '../measure/closed-loop.ts';
import { toResult, type MeasuredResult } from '../report.ts';
import type { QueueBench } from './queue.ts';

const LOOPS = 8;

/** What ends a placed build: PostgresExecutions.finish behind the shard's fence, beside a bare UPDATE of a row. */
export async function measureCompletion(bench: QueueBench): Promise<MeasuredResult[]> {
  const world = await bench.world('completion');
  const bare = await bench.bare('completion');
  const count = bench.quick ? 100 : 1_000;
  try {
    const tenants = await world.tenants(200, { maxRunning: 1_000_000 });
    const dispatcherId = await world.dispatcher();
    const fence = await world.shard(dispatcherId);
    const finish = { state: 'lost', reason: 'ClusterLost', message: 'ended by the benchmark', retry: false } as const;
    const place = async (claimed: ClaimedExecution): Promise<void> => {
      await world.queue.place(world.placement(claimed, dispatcherId, fence.providerId));
    };
    const claimAll = async (): Promise<ClaimedExecution[]> => {
      await world.topUp(tenants, count);
      const all: ClaimedExecution[] = [];
      while (all.length < count) all.push(...(await world.queue.claim({ dispatcherId, limit: 500 })).claimed);
      return all;
    };
    const each = (items: ClaimedExecution[], work: (item: ClaimedExecution) => Promise<unknown>): Promise<number> =>
      loopRate({ loops: LOOPS, items: count * 2, limitMs: 60_000 }, async () => {
        const item = items.pop();
        if (item === undefined) return 0;
        await work(item);
        return 1;
      });
    const bareRate = bare.contender('bare', { batch: 1, loops: LOOPS, ends: false });
    const samples = await alternate(bench.rounds, [
      {
        name: 'finish',
        round: async () => {
          const all = await claimAll();
          await each([...all], place);
          return each(all, (claimed) => world.executions.finish(fence, claimed.executionId, finish));
        },
      },
      { name: 'place', round: async () => each(await claimAll(), place) },
      {
        name: 'bare',
        round: async () => {
          await bare.topUp(count);
          return bareRate.drain({ jobs: count, limitMs: 60_000 });
        },
      },
    ]);
    const control = { name: 'bare UPDATE of one row in a transaction', samples: samplesOf(samples, 'bare') };
    const titles = { place: 'place one claimed build', finish: 'finish one placed build' };
    return (['place', 'finish'] as const).map((name) =>
      toResult({
        id: `completion-${name}`,
        title: `${titles[name]}, ${LOOPS} at once, builds/s`,
        samples: samplesOf(samples, name),
        q: 0.5,
        control,
      }),
    );
  } finally {
    await Promise.all([world.close(), bare.close()]);
  }
}
