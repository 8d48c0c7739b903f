import { residentMib } from '../main/memory.ts';
import { paced } from '../measure/closed-loop.ts';
import { quantile, toResult, type MeasuredResult, type ResultInput } from '../report.ts';
import { Clusters } from './clusters.ts';
import type { FleetBench } from './fleet.ts';
import { Installation, SHORT_LEASE } from './installation.ts';
import { Submitter } from './submitter.ts';

const RUNS = 20;
/** A project's builds go to the clusters that are warm for it, one after the other; those of many fill many at once. */
const TENANTS = 20;
/** Room on each cluster for the builds that are timed beside those runs. */
const SPARE = 40;
const TIMED_PER_SECOND = 10;
/** As deploy/kubernetes/dispatcher.yaml has it: what is garbage stays no longer than there. */
const HEAP_MIB = 1_280;

interface Scale {
  readonly clusters: number;
  readonly healthMs: number;
  /** Builds whose way to their run is timed, each time. */
  readonly timed: number;
  /** What was submitted as clusters stopped to answer is looked at so long after the last of it. */
  readonly lookAfterMs: number;
  /** How often the clusters stop to answer. */
  readonly holeRounds: number;
}
const WHOLE: Scale = { clusters: 500, healthMs: 10_000, timed: 100, lookAfterMs: 30_000, holeRounds: 5 };
const QUICK: Scale = { clusters: 10, healthMs: 2_000, timed: 20, lookAfterMs: 3_000, holeRounds: 1 };

/** One dispatcher follows runs on very many clusters; then a tenth of them stops to answer. */
export async function measureManyClusters(bench: FleetBench): Promise<MeasuredResult[]> {
  const scale = bench.quick ? QUICK : WHOLE;
  const { clusters: count, healthMs } = scale;
  const clusters = await Clusters.start({ count, hangs: true });
  const installation = await Installation.open(bench.serverUrl, 'fleet_clusters');
  const { world } = installation;
  try {
    const tenants = await world.tenants(TENANTS, { maxRunning: 1_000_000 });
    await world.fill(tenants, { perTenant: (count * RUNS) / TENANTS, method: 'packer' });
    await installation.addClusters(clusters.configs, { maxConcurrentBuilds: RUNS + SPARE });
    const [dispatcher] = await installation.startDispatchers(1, {
      IF_DISPATCHER_SLOTS: String(count * (RUNS + SPARE)),
      IF_HEALTH_INTERVAL_MS: String(healthMs),
      IF_DATABASE_POOL_SIZE: '20',
      NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB}`,
      ...(bench.quick ? SHORT_LEASE : {}),
    });
    if (dispatcher === undefined) throw new Error('no dispatcher was started');
    const running = `SELECT count(*) AS n FROM build_executions WHERE state = 'running'`;
    await installation.reaches('all runs to run', running, count * RUNS, 600_000);
    const resident = await residentMib(dispatcher.pid);
    const peak = await residentMib(dispatcher.pid, 'VmHWM');
    const sweepMs = await sweep(installation);
    const besideHoles = await measureBlackHoles(scale, installation, clusters, tenants);
    return [
      toResult({
        id: 'clusters-memory',
        title: `resident memory of one dispatcher with ${count} clusters of ${RUNS} runs, MiB (peak ${Math.round(peak)})`,
        samples: [resident],
        q: 0.5,
        target: { text: 'under 1,536', met: (value) => value < 1_536 },
      }),
      toResult({
        id: 'clusters-sweep',
        title: `all ${count} clusters were probed within, ms (one probe each ${healthMs} ms)`,
        samples: [sweepMs],
        q: 0.5,
        target: { text: 'at most 30,000', met: (value) => value <= 30_000 },
      }),
      ...besideHoles,
    ];
  } finally {
    await installation.close();
    clusters.stop();
  }
}

/** A tenth of the clusters stops to answer and answers again, in turns. */
async function measureBlackHoles(
  { clusters: count, timed, lookAfterMs, holeRounds }: Scale,
  installation: Installation,
  clusters: Clusters,
  tenants: readonly string[],
): Promise<MeasuredResult[]> {
  const holes = count / 10;
  const healthy = (is: '=' | '<>'): string => `SELECT count(*) AS n FROM providers WHERE health ${is} 'healthy'`;
  const submitter = await Submitter.open(installation.world, tenants);
  const rounds: Record<'before' | 'unnoticed' | 'beside', Starts>[] = [];
  await timedStarts(installation, submitter, timed);
  for (let round = 0; round < holeRounds; round += 1) {
    if (round > 0) {
      clusters.blackHole(0);
      await installation.reaches('all clusters to be healthy again', healthy('='), count, 300_000);
    }
    const before = await timedStarts(installation, submitter, timed);
    clusters.blackHole(holes);
    const unnoticed = await timedStarts(installation, submitter, timed, lookAfterMs);
    await installation.reaches('the black holes to be noticed', healthy('<>'), holes, 120_000);
    rounds.push({ before, unnoticed, beside: await timedStarts(installation, submitter, timed) });
  }
  await submitter.close();
  const figures = (of: 'before' | 'unnoticed' | 'beside', field: keyof Starts, q: number): number[] =>
    rounds.map((round) => quantile(round[of][field], q));
  const compare = (q: number): Pick<ResultInput, 'samples' | 'q' | 'control'> => ({
    samples: figures('beside', 'fromClaim', q),
    q: 0.5,
    control: { name: 'while all answer, in turns', samples: figures('before', 'fromClaim', q) },
  });
  const said = `while ${holes} of ${count} do not answer`;
  return [
    toResult({
      id: 'clusters-black-hole',
      title: `claim → run created on the other clusters ${said} and that is known, p50 of ${timed} in each round, ms`,
      ...compare(0.5),
      target: { text: 'at most 1.05 ×', met: (_value, ratio) => ratio !== null && ratio <= 1.05 },
    }),
    toResult({ id: 'clusters-black-hole-p95', title: 'the same, p95', ...compare(0.95) }),
    ...[0.5, 0.95].map((q) =>
      toResult({
        id: `clusters-unnoticed-p${q * 100}`,
        title: `submission → run created, with all claims before that, of ${timed} builds that come from the moment on that ${holes} of ${count} stop to answer, p${q * 100}, ms (without a run: until now)`,
        samples: figures('unnoticed', 'fromSubmission', q),
        q: 0.5,
        control: { name: 'while all answer, in turns', samples: figures('before', 'fromSubmission', q) },
      }),
    ),
    toResult({
      id: 'clusters-unnoticed-without-run',
      title: `of these ${timed} builds without a run ${lookAfterMs / 1000} s after the last of them: sent to a cluster that has not answered, which may have made it`,
      samples: figures('unnoticed', 'withoutRun', 1),
      q: 0.5,
    }),
  ];
}

/** Milliseconds until the run of each build was created: from the claim that led to it, and from the submission. */
interface Starts {
  readonly fromClaim: readonly number[];
  /** So far, of a build that has no run when it is looked at. */
  readonly fromSubmission: readonly number[];
  readonly withoutRun: readonly number[];
}

/**
 * How long builds take to their run, one after the other at a steady rate. Where a create was sent to a cluster that does
 * not answer, its build stays there until that is back or given up for lost: with `lookAfterMs` it is not waited for.
 */
async function timedStarts(
  installation: Installation,
  submitter: Submitter,
  timed: number,
  lookAfterMs?: number,
): Promise<Starts> {
  const since = new Date();
  await paced(TIMED_PER_SECOND, (1_000 * timed) / TIMED_PER_SECOND, (index) => submitter.submit(index));
  const from = `FROM builds b LEFT JOIN build_executions e ON e.build_id = b.id AND e.created_at IS NOT NULL
                WHERE b.created_at >= '${since.toISOString()}'`;
  const created = `SELECT count(DISTINCT e.build_id) AS n ${from}`;
  if (lookAfterMs === undefined) await installation.reaches('the timed builds to be created', created, timed, 120_000);
  else await new Promise((resolve) => setTimeout(resolve, lookAfterMs));
  const rows = await installation.world.rows<{ claim: number | null; submission: number }>(
    `SELECT DISTINCT ON (b.id) extract(epoch FROM e.created_at - e.claimed_at)::float8 * 1000 AS claim,
            extract(epoch FROM coalesce(e.created_at, now()) - b.created_at)::float8 * 1000 AS submission
       ${from} ORDER BY b.id, e.attempt DESC`,
  );
  return {
    fromClaim: rows.flatMap(({ claim }) => claim ?? []),
    fromSubmission: rows.map(({ submission }) => submission),
    withoutRun: [rows.filter(({ claim }) => claim === null).length],
  };
}

/** From now until every cluster was probed again. */
async function sweep(installation: Installation): Promise<number> {
  const [row] = await installation.world.rows<{ now: Date; n: string }>(
    'SELECT clock_timestamp() AS now, (SELECT count(*) FROM providers) AS n',
  );
  const since = row?.now.toISOString() ?? '';
  const fromMs = performance.now();
  await installation.reaches(
    'every cluster to be probed',
    `SELECT count(*) AS n FROM providers WHERE probed_at > '${since}'`,
    Number(row?.n ?? 0),
    120_000,
  );
  return performance.now() - fromMs;
}
