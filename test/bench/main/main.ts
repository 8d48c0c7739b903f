import { Platform, type TenantFixture } from '../../e2e/support/platform.ts';
import { toResult, type MeasuredResult, type BenchmarkRun } from '../report.ts';
import { buildOnce, measureAgainstHand } from './against-hand.ts';
import { measureClusterWrites } from './cluster-writes.ts';
import { measureFollowedRuns } from './followed-runs.ts';
import { measureFromRows, type Phase } from './from-rows.ts';
import { residentMib } from './memory.ts';
import { startPostgres } from '../database/start-postgres.ts';
import { Sightings } from './sightings.ts';
import { measurePickUp, measureSubmission } from './submission.ts';

type Step = (title: string, work: () => Promise<readonly MeasuredResult[]>) => Promise<void>;

/** The main job on the real test cluster (`npm run cluster -- up` first): one API, one dispatcher, PostgreSQL with fsync. */
export async function mainBenchmark({ quick }: { quick: boolean }): Promise<BenchmarkRun> {
  const postgres = await startPostgres();
  const results: MeasuredResult[] = [];
  const step: Step = async (title, work) => {
    process.stderr.write(`measuring ${title} …\n`);
    results.push(...(await work()));
  };
  try {
    const running = await measurePlatform(postgres.url, quick, step);
    await step('cluster writes', () => measureClusterWrites(postgres.url, quick ? 2 : 5));
    await step('memory with followed runs', () => measureFollowedRuns(postgres.url, quick ? 200 : 1000));
    return { versions: running, results, leftOut: [] };
  } finally {
    await postgres.stop();
  }
}

/** What one running platform shows, from idle to loaded. Returns the versions of what it ran on. */
async function measurePlatform(postgresUrl: string, quick: boolean, step: Step): Promise<Record<string, string>> {
  const platform = await Platform.start({
    postgresUrl,
    name: 'bench',
    dispatchers: 1,
    environment: { IF_LOGGER_LEVEL: 'warn', IF_RATE_LIMIT_PER_MINUTE: '1000000' },
  });
  try {
    await step('idle memory', () => idleMemory(platform));
    const tenant = await platform.tenant('bench', { tenant: { max_concurrent_builds: 100 } });
    await step('pick-up', async () => [await measurePickUp(platform, tenant, quick ? 20 : 100)]);
    await measureBuilds(platform, tenant, { quick, step });
    await step('submission, 1 client', () => measureSubmission(platform, 1, quick ? 100 : 500));
    await step('submission, 16 clients', () => measureSubmission(platform, 16, quick ? 20 : 100));
    return await versions(platform);
  } finally {
    await platform.stop();
  }
}

/** Real builds, alone and at once, each beside the same runs by hand; then the lags of each phase. */
async function measureBuilds(
  platform: Platform,
  tenant: TenantFixture,
  { quick, step }: { readonly quick: boolean; readonly step: Step },
): Promise<void> {
  await buildOnce(tenant);
  const sightings = await Sightings.open(platform.cluster);
  const alone: Phase = { suffix: '', title: 'one at a time', since: new Date() };
  await step('one build alone', async () => [
    await measureAgainstHand(platform, tenant, { rounds: quick ? 2 : 5, atOnce: 1 }),
  ]);
  await step('lags of one at a time', () => measureFromRows(platform, sightings, alone));
  if (!quick) {
    const burst: Phase = { suffix: '-20', title: '20 at once', since: new Date() };
    await step('20 builds at once', async () => [
      await measureAgainstHand(platform, tenant, { rounds: 2, atOnce: 20 }),
    ]);
    await step('lags of 20 at once', () => measureFromRows(platform, sightings, burst));
  }
  await sightings.close();
}

async function idleMemory(platform: Platform): Promise<MeasuredResult[]> {
  return Promise.all(
    platform.processes().map(async ({ name, pid }) =>
      toResult({
        id: `rss-${name}`,
        title: `resident memory of ${name}, idle (MiB)`,
        samples: [await residentMib(pid)],
        q: 0.5,
      }),
    ),
  );
}

async function versions(platform: Platform): Promise<Record<string, string>> {
  const [row] = await platform.sql<{ server_version: string }>('SHOW server_version');
  const kubernetes = await platform.cluster.kube('GET', '/version');
  return {
    postgresql: row?.server_version ?? '',
    kubernetes: String(kubernetes.body['gitVersion']),
    tekton: 'v1.15.0',
  };
}
