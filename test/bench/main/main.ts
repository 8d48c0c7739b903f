import { readFile } from 'node:fs/promises';
import { Platform } from '../../e2e/support/platform.ts';
import { toResult, type BenchmarkResult, type BenchmarkRun } from '../report.ts';
import { measureAgainstHand } from './against-hand.ts';
import { measureFromRows } from './from-rows.ts';
import { startPostgres } from './postgres.ts';
import { measurePickUp, measureSubmission } from './submission.ts';

/** The main job on the real test cluster (`npm run cluster -- up` first): one API, one dispatcher, PostgreSQL with fsync. */
export async function mainBenchmark({ quick }: { quick: boolean }): Promise<BenchmarkRun> {
  const postgres = await startPostgres();
  const results: BenchmarkResult[] = [];
  try {
    const platform = await Platform.start({
      postgresUrl: postgres.url,
      name: 'bench',
      dispatchers: 1,
      environment: { IF_LOGGER_LEVEL: 'warn', IF_RATE_LIMIT_PER_MINUTE: '1000000' },
    });
    try {
      const step = async (title: string, work: () => Promise<readonly BenchmarkResult[]>): Promise<void> => {
        process.stderr.write(`measuring ${title} …\n`);
        results.push(...(await work()));
      };
      await step('idle memory', () => idleMemory(platform));
      const tenant = await platform.tenant('bench', { tenant: { max_concurrent_builds: 100 } });
      await step('pick-up', async () => [await measurePickUp(platform, tenant, quick ? 20 : 100)]);
      await step('one build alone', async () => [
        await measureAgainstHand(platform, tenant, { rounds: quick ? 2 : 5, atOnce: 1 }),
      ]);
      if (!quick) {
        await step('20 builds at once', async () => [
          await measureAgainstHand(platform, tenant, { rounds: 3, atOnce: 20 }),
        ]);
      }
      await step('lags', () => measureFromRows(platform));
      await step('submission, 1 client', () => measureSubmission(platform, 1, quick ? 100 : 500));
      await step('submission, 16 clients', () => measureSubmission(platform, 16, quick ? 20 : 100));
      return { versions: await versions(platform), results };
    } finally {
      await platform.stop();
    }
  } finally {
    await postgres.stop();
  }
}

async function idleMemory(platform: Platform): Promise<BenchmarkResult[]> {
  return Promise.all(
    platform.processes().map(async ({ name, pid }) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      const kilobytes = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN);
      return toResult({
        id: `rss-${name}`,
        title: `resident memory of ${name}, idle (MiB)`,
        samples: [kilobytes / 1024],
        q: 0.5,
      });
    }),
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
