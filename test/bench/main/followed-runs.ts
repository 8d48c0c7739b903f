import { setTimeout as delay } from 'node:timers/promises';
import { FakeKubeApiServer, FakeTektonController } from '@image-factory/test-support';
import { Platform } from '../../e2e/support/platform.ts';
import { until } from '../../e2e/support/rest-client.ts';
import { toResult, type MeasuredResult } from '../report.ts';
import { memoryUse, PROBE_NODE_OPTIONS, type MemoryUse } from './memory.ts';
import { replaceProvider } from '../../e2e/support/replace-provider.ts';

const LINES = Array.from(
  { length: 20 },
  (_unused, index) => `STEP ${index}: a line of some length that a build prints`,
);
const SAMPLES = 5;
const SAMPLE_EVERY_MS = 2_000;

/**
 * Memory of one dispatcher that follows `count` running builds (status and log of each) on a fake API server, beside
 * the same process before the first of them. The builds hang in their second step with an open log.
 */
export async function measureFollowedRuns(postgresUrl: string, count: number): Promise<MeasuredResult[]> {
  const fake = await FakeKubeApiServer.start();
  const controller = new FakeTektonController(fake);
  const platform = await Platform.start({
    postgresUrl,
    name: 'bench-followed',
    dispatchers: 0,
    environment: {
      NODE_OPTIONS: PROBE_NODE_OPTIONS,
      IF_LOGGER_LEVEL: 'warn',
      IF_RATE_LIMIT_PER_MINUTE: '1000000',
      IF_DISPATCHER_SLOTS: String(count),
      IF_DISPATCHER_LEASE_MS: '30000',
      IF_DISPATCHER_HEARTBEAT_MS: '5000',
    },
  });
  try {
    await replaceProvider(platform, fake.providerConfig());
    await platform.startDispatcher(0);
    const pid = platform.processes().find(({ name }) => name === 'dispatcher-0')?.pid ?? 0;
    const idle = await sample(pid);
    await startRuns(platform, controller, count);
    return toResults(count, idle, await sample(pid));
  } finally {
    await platform.stop();
    controller.close();
    await fake.close();
  }
}

/** Submits while dispatching is paused, so that each build's script is known before its run exists. */
async function startRuns(platform: Platform, controller: FakeTektonController, count: number): Promise<void> {
  const tenant = await platform.tenant('followed', {
    tenant: { max_concurrent_builds: count, max_queued_builds: count },
  });
  await platform.admin.ok('POST', '/admin/dispatcher/pause', { reason: 'seeding' });
  for (let index = 0; index < count; index += 1) {
    const { id } = await tenant.client.submit({ project_id: tenant.projectId, build_method: 'kaniko' });
    controller.scripts.set(id, { build: { lines: LINES, ending: 'hangs' } });
  }
  await platform.admin.ok('POST', '/admin/dispatcher/resume');
  await until(`${count} runs to be followed`, 180_000, async () => {
    const [row] = await platform.sql<{ running: number; followed: number }>(
      `SELECT count(*) FILTER (WHERE e.state = 'running')::int AS running, count(c.execution_id)::int AS followed
         FROM build_executions e
         LEFT JOIN build_log_cursors c ON c.execution_id = e.id AND c.task = 'build' AND c.line_offset = $1`,
      [LINES.length],
    );
    return row?.running === count && row.followed === count ? true : undefined;
  });
}

async function sample(pid: number): Promise<MemoryUse[]> {
  const samples: MemoryUse[] = [];
  for (let index = 0; index < SAMPLES; index += 1) {
    await delay(SAMPLE_EVERY_MS);
    samples.push(await memoryUse(pid));
  }
  return samples;
}

function toResults(count: number, idle: readonly MemoryUse[], followed: readonly MemoryUse[]): MeasuredResult[] {
  const figures: readonly [string, string, keyof MemoryUse][] = [
    ['rss', 'resident memory', 'residentMib'],
    ['peak', 'peak of resident memory', 'peakMib'],
    ['heap', 'live heap', 'heapMib'],
    ['external', 'memory outside the heap', 'externalMib'],
  ];
  return figures.map(([id, title, field]) =>
    toResult({
      id: `${id}-dispatcher-${count}`,
      title: `${title} of a dispatcher with ${count} followed runs, median of ${SAMPLES} (MiB)`,
      samples: followed.map((one) => one[field]),
      q: 0.5,
      control: { name: 'the same process idle', samples: idle.map((one) => one[field]) },
    }),
  );
}
