import { setTimeout as delay } from 'node:timers/promises';
import type { LogStep } from '@image-factory/domain';
import { CHANNELS, Notifier, PostgresBuildLogs } from '@image-factory/persistence';
import { appendLog } from '@image-factory/test-support';
import { Agent, request } from 'undici';
import { RestClient } from '../../e2e/support/rest-client.ts';
import { Installation } from '../fleet/installation.ts';
import { ADMIN_KEY } from '../fleet/product-process.ts';
import { quantile, toResult, type MeasuredResult } from '../report.ts';
import type { LogsBench } from './logs.ts';
import { openStreams } from './log-writers.ts';

const BUILDS = 20;
const CLIENTS = 500;
/** The API gives one key a hundred streams. */
const KEYS = 6;
const LINES_PER_FLUSH = 5;
const STEP: LogStep = { task: 'build', step: 'build', ordinal: 10 };

/** B12, the reading half: 500 clients follow 20 growing logs over the API's event streams. */
export async function measureTail(bench: LogsBench): Promise<MeasuredResult[]> {
  const installation = await Installation.open(bench.serverUrl, 'tail');
  const { world } = installation;
  const notifier = new Notifier(world.database);
  const abort = new AbortController();
  let notifications = 0;
  const heard = await world.database.listen([CHANNELS.logs], () => (notifications += 1));
  try {
    const streams = await openStreams(world, BUILDS);
    const api = await installation.start('api');
    const lags: number[] = [];
    const clients = await followAll(world.rows.bind(world), api.url, { abort: abort.signal, lags });
    await delay(2_000);
    lags.length = 0;
    notifications = 0;
    const logs = new PostgresBuildLogs(world.database, notifier);
    const seconds = bench.quick ? 5 : 20;
    const offsets = streams.map(() => 0);
    for (let turn = 0; turn < seconds * 2; turn += 1) {
      const startedMs = performance.now();
      for (const [index, { executionId, day, fence }] of streams.entries()) {
        const text = Buffer.from(`at=${now()} a line that a build prints now and then`);
        const records = Array.from(
          { length: LINES_PER_FLUSH },
          () => ({ kind: 'line', time: '2026-01-01T00:00:00Z', text, newline: true }) as const,
        );
        await appendLog(logs, fence, [
          { executionId, day, step: STEP, records, expectedByteOffset: offsets[index] ?? 0 },
        ]);
        offsets[index] = (offsets[index] ?? 0) + LINES_PER_FLUSH * (text.length + 1);
      }
      await delay(Math.max(0, 500 - (performance.now() - startedMs)));
    }
    await delay(1_500);
    const expected = seconds * 2 * LINES_PER_FLUSH * clients;
    return [
      toResult({
        id: 'B12-tail',
        title: `line given to the store → shown to a client, ${clients} clients on ${BUILDS} logs, p95 of ${lags.length} ms (p50 ${Math.round(quantile(lags, 0.5))})`,
        samples: sampled(lags),
        q: 0.95,
        target: { text: 'p95 at most 400', met: (value) => value <= 400 },
      }),
      toResult({
        id: 'B12-told',
        title: 'lines that reached their clients, percent',
        samples: [(100 * lags.length) / expected],
        q: 0.5,
        target: { text: '100', met: (value) => value === 100 },
      }),
      toResult({
        id: 'B12-notify',
        title: 'notifications a second',
        samples: [notifications / (seconds + 1.5)],
        q: 0.5,
        target: { text: 'at most 10', met: (value) => value <= 10 },
      }),
    ];
  } finally {
    abort.abort();
    await heard.close();
    await notifier.close();
    await installation.close();
  }
}

type Rows = (sql: string) => Promise<{ id: string; tenant_id: string }[]>;

/** Opens all streams; each line that comes in on any of them adds its age to `lags`. */
async function followAll(
  rows: Rows,
  apiUrl: string,
  { abort, lags }: { readonly abort: AbortSignal; readonly lags: number[] },
): Promise<number> {
  const builds = await rows(`SELECT b.id, b.tenant_id FROM builds b JOIN build_executions e ON e.build_id = b.id`);
  const admin = new RestClient(apiUrl, ADMIN_KEY);
  const tenantId = builds[0]?.tenant_id ?? '';
  const keys = await Promise.all(
    Array.from({ length: KEYS }, async (_unused, index) => {
      const body = { name: `follower-${index}`, role: 'viewer', tenant_id: tenantId };
      const created = await admin.ok<{ key: string }>('POST', '/admin/api-keys', body);
      return new RestClient(apiUrl, created.key, tenantId);
    }),
  );
  const agent = new Agent({ bodyTimeout: 0, headersTimeout: 60_000 });
  for (let index = 0; index < CLIENTS; index += 1) {
    const client = keys[index % KEYS];
    const build = builds[index % builds.length];
    if (client === undefined || build === undefined) throw new Error('no build to follow');
    const answer = await request(client.url(`/builds/${build.id}/logs/stream`), {
      dispatcher: agent,
      signal: abort,
      headers: { ...client.headers(), accept: 'text/event-stream' },
    });
    if (answer.statusCode !== 200) throw new Error(`stream: ${answer.statusCode} ${await answer.body.text()}`);
    let rest = '';
    answer.body.on('data', (chunk: Buffer) => {
      const at = now();
      const lines = (rest + chunk.toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const writtenAt = /at=([\d.]+)/.exec(line)?.[1];
        if (writtenAt !== undefined) lags.push(at - Number(writtenAt));
      }
    });
    answer.body.on('error', () => undefined);
  }
  return CLIENTS;
}

function now(): number {
  return performance.timeOrigin + performance.now();
}

/** Enough of them for a quantile: a spread over an argument list has its limits. */
function sampled(values: readonly number[]): number[] {
  const every = Math.ceil(values.length / 50_000);
  return values.filter((_value, index) => index % every === 0);
}
