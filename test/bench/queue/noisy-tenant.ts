import { alternate, samplesOf, type Contender } from '../measure/alternate.ts';
import { toResult, type MeasuredResult } from '../report.ts';
import { type BuildWorld } from './build-world.ts';
import { short } from './drain.ts';
import type { GraphileDatabase } from './peer/graphile-queue.ts';
import { ourQueue, type OurQueueOptions } from './peer/our-queue.ts';
import { PG_BOSS_QUEUE, type PgBossDatabase } from './peer/pg-boss-queue.ts';
import type { QueueContender } from './peer/queue-contender.ts';
import type { QueueBench } from './queue.ts';

const OTHERS = 199;
const OTHERS_BUILDS = { quick: 100, whole: 500 };
const CAP = 5;

/** B3: one tenant is at its limit and owns the oldest N rows; 199 others have 500 each and are to be served at full speed. */
export async function measureNoisyTenant(bench: QueueBench): Promise<MeasuredResult[]> {
  const results: MeasuredResult[] = [];
  for (const rows of bench.backlogs.filter((backlog) => backlog >= 10_000))
    results.push(...(await measureBehind(bench, rows)));
  return results;
}

async function measureBehind(bench: QueueBench, noisyRows: number): Promise<MeasuredResult[]> {
  const name = `noisy_${noisyRows}`;
  const ofOthers = OTHERS * OTHERS_BUILDS[bench.quick ? 'quick' : 'whole'];
  const world = await bench.world(name);
  const quiet = await bench.world(`${name}_quiet`);
  const graphile = await bench.graphile(name);
  const boss = await bench.pgBoss(name);
  try {
    await seedNoisy(world, noisyRows);
    await seedGraphile(graphile, noisyRows, ofOthers);
    await seedPgBoss(boss, noisyRows, ofOthers);
    const drained = (label: string, contender: QueueContender): Contender => ({
      name: label,
      round: async () => {
        await contender.topUp(0);
        return contender.drain({ jobs: 5_000, limitMs: bench.quick ? 400 : 2_000 });
      },
    });
    const [others, alone] = [
      await world.tenants(OTHERS, { maxRunning: 1_000 }),
      await quiet.tenants(OTHERS, { maxRunning: 1_000 }),
    ];
    const ourContender = async (
      of: BuildWorld,
      label: string,
      tenants: readonly string[],
      options: Pick<OurQueueOptions, 'batch' | 'ends'> = { batch: Number(label.split(' ')[1]), ends: 'at-once' },
    ): Promise<Contender> => {
      const queue = await ourQueue(of, { name: label, tenants, loops: options.batch === 1 ? 8 : 4, ...options });
      return drained(label, { ...queue, topUp: () => of.topUp(tenants, ofOthers) });
    };
    const samples = await alternate(bench.rounds, [
      await ourContender(world, 'ours 25', others),
      await ourContender(world, 'ours 1', others),
      await ourContender(world, 'ours 25 claims', others, { batch: 25, ends: 'no' }),
      await ourContender(quiet, 'quiet 25', alone),
      await ourContender(quiet, 'quiet 1', alone),
      drained('graphile', graphile.contender('graphile', 0)),
      drained('pg-boss', boss.contender('pg-boss', { batchSize: 25, groupConcurrency: CAP, loops: 4 })),
    ]);
    return toResults(noisyRows, samples, !bench.quick);
  } finally {
    await Promise.all([world.close(), quiet.close(), graphile.close(), boss.close()]);
  }
}

/** The noisy tenant's builds are the oldest; its limit's worth of them runs and never ends. */
async function seedNoisy(world: BuildWorld, rows: number): Promise<void> {
  const [noisy] = await world.tenants(1, { maxRunning: CAP });
  await world.fill([noisy ?? ''], { perTenant: CAP, olderMs: 100_000_000 });
  await world.fill([noisy ?? ''], { perTenant: rows, claimable: false, olderMs: 50_000_000 });
  await world.queue.claim({ dispatcherId: await world.dispatcher(), limit: CAP });
  await world.rows('VACUUM ANALYZE builds, lanes');
}

/** A named queue runs one job at a time: the noisy one is locked by a worker that does not come back. */
async function seedGraphile(graphile: GraphileDatabase, rows: number, ofOthers: number): Promise<void> {
  await graphile.add({ count: rows, queue: `'noisy'` });
  await graphile.pool.query(
    `UPDATE graphile_worker._private_job_queues SET locked_at = now(), locked_by = 'gone' WHERE queue_name = 'noisy'`,
  );
  await graphile.add({ count: ofOthers, queue: `'tenant-' || (n % ${OTHERS})` });
}

async function seedPgBoss(boss: PgBossDatabase, rows: number, ofOthers: number): Promise<void> {
  await boss.add(rows, () => ({ group: { id: 'noisy' } }));
  await boss.boss.fetch(PG_BOSS_QUEUE, { batchSize: CAP, groupConcurrency: CAP });
  await boss.add(ofOthers, (index) => ({ group: { id: `tenant-${index % OTHERS}` } }));
}

/** `longWindows`: a peer that ends nothing in a round of them is as slow as that, and has not only begun late. */
function toResults(noisyRows: number, samples: ReadonlyMap<string, number[]>, longWindows: boolean): MeasuredResult[] {
  const pgBossTarget = noisyRows >= 1_000_000 ? 100 : noisyRows >= 100_000 ? 30 : undefined;
  const graphileTarget = noisyRows === 100_000 ? 10 : undefined;
  const rows: [string, string, string, string, number | undefined][] = [
    ['pgboss', 'ours 25', 'pg-boss', 'pg-boss groupConcurrency, 25 per fetch', pgBossTarget],
    ['pgboss-claim', 'ours 25 claims', 'pg-boss', 'pg-boss groupConcurrency, 25 per fetch, completed', undefined],
    ['graphile', 'ours 1', 'graphile', 'graphile-worker named queues', graphileTarget],
    ['alone-25', 'ours 25', 'quiet 25', 'without the noisy tenant', 1 / 1.3],
    ['alone-1', 'ours 1', 'quiet 1', 'without the noisy tenant', 1 / 1.3],
  ];
  return rows.map(([id, ours, control, controlName, atLeast]) =>
    toResult({
      id: `B3-${id}-${short(noisyRows)}`,
      title: `claim ${ours.endsWith('claims') ? '25, not ended,' : `${ours.slice(5)} and end`} beside a tenant at its limit with ${short(noisyRows)} older builds, builds/s`,
      samples: samplesOf(samples, ours),
      q: 0.5,
      control: { name: controlName, samples: samplesOf(samples, control), mayBeZero: longWindows },
      ...(atLeast === undefined
        ? {}
        : {
            target: {
              text: atLeast < 1 ? 'at most 1.3 × slower' : `at least ${atLeast} ×`,
              met: (value: number, ratio: number | null) => (ratio === null ? value > 0 : ratio >= atLeast),
            },
          }),
    }),
  );
}
