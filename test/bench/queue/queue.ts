import { makeDatabase, withClient } from '../database/make-database.ts';
import { startPostgres } from '../database/start-postgres.ts';
import { runSteps } from '../measure/step.ts';
import type { BenchmarkOptions, BenchmarkRun } from '../report.ts';
import { BuildWorld } from './build-world.ts';
import { measureCaps } from './caps.ts';
import { measureClaimLoops } from './claim-loops.ts';
import { measureCompletion } from './completion.ts';
import { measureDrain } from './drain.ts';
import { measureEnqueue } from './enqueue.ts';
import { measureFairness } from './fairness.ts';
import { measureNoisyTenant } from './noisy-tenant.ts';
import { BareDatabase } from './peer/bare-queue.ts';
import { GraphileDatabase } from './peer/graphile-queue.ts';
import { PgBossDatabase } from './peer/pg-boss-queue.ts';
import { measurePinnedHorizon } from './pinned-horizon.ts';
import { measurePlan } from './plan-guard.ts';
import { measureSoak } from './soak.ts';
import { measureWriteCost } from './write-cost.ts';

/** What the steps run on: databases by the name of their step on one server. */
export interface QueueBench {
  readonly quick: boolean;
  readonly rounds: number;
  /** Of the soak. */
  readonly minutes: number;
  /** Backlogs to measure at, smallest first. */
  readonly backlogs: readonly number[];
  world(name: string, poolSize?: number): Promise<BuildWorld>;
  bare(name: string): Promise<BareDatabase>;
  graphile(name: string): Promise<GraphileDatabase>;
  pgBoss(name: string): Promise<PgBossDatabase>;
}

/** Why a claim and an end of ours cannot be as fast as those of one row. */
const QUEUE_NOTE =
  'A bare claim and end write 4 row versions and index entries, ours 23: the build and its execution with four index ' +
  'entries each, four lines of the timeline with one each, the lane twice, and the end. So about 0.2 of the bare rate is ' +
  'what is left before anything is decided; the targets above that were set for a queue without executions and timeline.';

/** Room for the backlogs' WAL, so that no round meets the checkpoint of the fill before it. */
export const SERVER_SETTINGS = ['max_connections=400', 'max_wal_size=8GB', 'shared_buffers=512MB'] as const;

/** The queue on PostgreSQL beside bare SQL, graphile-worker and pg-boss in the same run (B1 to B6, B8, B9, B16 to B18). */
export async function queueBenchmark(options: BenchmarkOptions): Promise<BenchmarkRun> {
  const server = await startPostgres(SERVER_SETTINGS);
  const bench: QueueBench = {
    quick: options.quick,
    rounds: options.quick ? 2 : 5,
    minutes: options.minutes,
    backlogs: [1_000, 10_000, 100_000, 1_000_000].filter(
      (backlog) => backlog <= options.backlog && (options.quick || backlog !== 10_000),
    ),
    world: (name, poolSize) => BuildWorld.open(server.url, name, poolSize),
    bare: async (name) => BareDatabase.open(await makeDatabase(server.url, `${name}_bare`)),
    graphile: async (name) => GraphileDatabase.open(await makeDatabase(server.url, `${name}_graphile`)),
    pgBoss: async (name) => PgBossDatabase.open(await makeDatabase(server.url, `${name}_pgboss`)),
  };
  try {
    const measured = await runSteps(options, [
      { id: 'B1-B2', title: 'drain', rows: ['B1', 'B2'], run: () => measureDrain(bench) },
      { id: 'completion', title: 'completion', run: () => measureCompletion(bench) },
      { id: 'B3', title: 'noisy tenant at its cap', run: () => measureNoisyTenant(bench) },
      { id: 'B4', title: 'fairness', run: () => measureFairness(bench) },
      { id: 'B5', title: 'caps under claimers and kills', run: () => measureCaps(bench) },
      { id: 'B6', title: 'pinned horizon', run: () => measurePinnedHorizon(bench) },
      { id: 'B8', title: 'enqueue with and without wake-up', run: () => measureEnqueue(bench) },
      { id: 'B9', title: 'many claim loops', run: () => measureClaimLoops(bench) },
      { id: 'B16', title: 'WAL and HOT of a build', run: () => measureWriteCost(bench) },
      { id: 'B17', title: 'plan guard', run: () => measurePlan(bench) },
      { id: 'B18', title: 'soak', run: () => measureSoak(bench) },
    ]);
    return { versions: await versions(server.url), note: QUEUE_NOTE, ...measured };
  } finally {
    await server.stop();
  }
}

export async function versions(serverUrl: string): Promise<Record<string, string>> {
  const rows = await withClient(serverUrl, (client) => client.query<{ server_version: string }>('SHOW server_version'));
  return { postgresql: rows.rows[0]?.server_version ?? '', 'graphile-worker': '0.18.0', 'pg-boss': '12.35.0' };
}
