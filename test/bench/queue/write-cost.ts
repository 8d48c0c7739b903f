import { toResult, type MeasuredResult } from '../report.ts';
import { liveAndSucceed, submitter } from './build-life.ts';
import type { BuildWorld } from './build-world.ts';
import type { QueueBench } from './queue.ts';

const BUILDS_AT_ONCE = 25;

interface Cost {
  readonly walBytes: number;
  readonly hotPercent: number;
  readonly statements: number;
}

/** B16: what one build writes, from its submission until its run is swept: WAL, and how many updates touched no index. */
export async function measureWriteCost(bench: QueueBench): Promise<MeasuredResult[]> {
  const world = await bench.world('write_cost', 16);
  try {
    const submit = await submitter(world, 20);
    const dispatcherId = await world.dispatcher();
    const fence = await world.shard(dispatcherId);
    const builds = bench.quick ? 50 : 300;
    const run = async (): Promise<void> => {
      for (let done = 0; done < builds; done += BUILDS_AT_ONCE) {
        await Promise.all(Array.from({ length: BUILDS_AT_ONCE }, (_unused, index) => submit(done + index)));
        const { claimed } = await world.queue.claim({ dispatcherId, limit: BUILDS_AT_ONCE });
        await Promise.all(claimed.map((one) => liveAndSucceed(world, one, dispatcherId, fence)));
      }
    };
    await run();
    const costs: Cost[] = [];
    for (let round = 0; round < bench.rounds; round += 1) costs.push(await costOf(world, builds, run));
    return [
      toResult({
        id: 'B16-wal',
        title: `WAL of a whole build that succeeds, without an image to publish, ${BUILDS_AT_ONCE} at once, bytes (6 tables, 10 transitions)`,
        samples: costs.map((cost) => cost.walBytes),
        q: 0.5,
        target: { text: 'at most 3,072', met: (value) => value <= 3_072 },
      }),
      toResult({
        id: 'B16-hot',
        title: 'updates of builds, executions, lanes and providers that touched no index, percent',
        samples: costs.map((cost) => cost.hotPercent),
        q: 0.5,
        target: { text: 'at least 70', met: (value) => value >= 70 },
      }),
      toResult({
        id: 'B16-commits',
        title: `transactions of a whole build that succeeds, without an image to publish, ${BUILDS_AT_ONCE} at once`,
        samples: costs.map((cost) => cost.statements),
        q: 0.5,
      }),
    ];
  } finally {
    await world.close();
  }
}

async function costOf(world: BuildWorld, builds: number, run: () => Promise<void>): Promise<Cost> {
  // Full-page images after a checkpoint are the checkpoint's cost: it comes before what is measured.
  await world.rows('CHECKPOINT');
  await run();
  const before = await counters(world);
  await run();
  const after = await counters(world);
  return {
    walBytes: (after.wal - before.wal) / builds,
    hotPercent: (100 * (after.hot - before.hot)) / (after.updates - before.updates),
    statements: (after.commits - before.commits) / builds,
  };
}

async function counters(world: BuildWorld): Promise<Record<'wal' | 'hot' | 'updates' | 'commits', number>> {
  // Backends report their counts when they are idle for a second at the latest.
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  const [row] = await world.rows<Record<string, string>>(
    `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') AS wal,
            (SELECT sum(n_tup_hot_upd) FROM pg_stat_user_tables WHERE relname IN ('builds', 'build_executions', 'lanes', 'providers')) AS hot,
            (SELECT sum(n_tup_upd) FROM pg_stat_user_tables WHERE relname IN ('builds', 'build_executions', 'lanes', 'providers')) AS updates,
            (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()) AS commits`,
  );
  const number = (name: string): number => Number(row?.[name] ?? 0);
  return { wal: number('wal'), hot: number('hot'), updates: number('updates'), commits: number('commits') };
}
