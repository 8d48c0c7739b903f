import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Platform, TenantFixture } from '../../e2e/support/platform.ts';
import { toResult, type MeasuredResult } from '../report.ts';

const IDLE_MS = 250;
/** Often enough to go on soon, seldom enough to leave the machine to what is measured. */
const LOOK_MS = 20;

/**
 * Latency of POST /builds with N clients in a closed loop, beside the bare insert of one row in a transaction of its own
 * by as many connections. The tenant's limit is 0, so nothing of it is claimed meanwhile.
 */
export async function measureSubmission(
  platform: Platform,
  clients: number,
  perClient: number,
): Promise<MeasuredResult[]> {
  const tenant = await platform.tenant(`submit-${clients}`, {
    tenant: { max_concurrent_builds: 0, max_queued_builds: 100_000 },
  });
  const ours = await inParallel(clients, perClient, async () => {
    await tenant.client.submit({ project_id: tenant.projectId, build_method: 'kaniko' });
  });
  const control = await bareInserts(platform.databaseUrl, clients, perClient);
  const title = (q: string): string => `submit ${q}, ${clients} client${clients === 1 ? '' : 's'}`;
  const named = { name: 'bare INSERT of one row', samples: control };
  return [
    toResult({ id: `submit-p50-c${clients}`, title: title('p50'), samples: ours, q: 0.5, control: named }),
    toResult({
      id: `submit-p99-c${clients}`,
      title: title('p99'),
      samples: ours,
      q: 0.99,
      control: named,
      ...(clients === 1 ? { target: { text: 'p99 < 50 ms', met: (value: number): boolean => value < 50 } } : {}),
    }),
  ];
}

/**
 * From the commit of a submission to its claim by an idle dispatcher. The builds name a cordoned provider, so each is
 * claimed at once and then parked, and no cluster takes part.
 */
export async function measurePickUp(platform: Platform, tenant: TenantFixture, count: number): Promise<MeasuredResult> {
  const provider = await platform.admin.ok<{ id: string }>('POST', '/admin/infrastructure/providers', {
    name: 'cordoned',
    provider_type: 'kubernetes',
    is_global: true,
    config: { auth_method: 'token', endpoint: platform.cluster.apiServerUrl, token: 'none' },
  });
  await platform.admin.ok('PATCH', `/admin/infrastructure/providers/${provider.id}/status`, { status: 'cordoned' });
  for (let index = 0; index < count; index += 1) {
    const { id } = await tenant.client.submit({
      project_id: tenant.projectId,
      build_method: 'kaniko',
      infrastructure_provider_id: provider.id,
    });
    await claimOf(platform, id);
    await tenant.client.ok('POST', `/builds/${id}/cancel`, { reason: 'measured' });
    // Until it is idle again: what wakes it is slowed down when it comes in a storm.
    await delay(IDLE_MS);
  }
  const rows = await platform.sql<{ ms: number }>(
    `SELECT extract(epoch FROM min(e.claimed_at) - b.created_at)::float8 * 1000 AS ms
       FROM build_executions e JOIN builds b ON b.id = e.build_id
      WHERE b.requested_provider_id = $1 GROUP BY b.id, b.created_at`,
    [provider.id],
  );
  return toResult({
    id: 'pick-up-p95',
    title: `enqueue → claimed by an idle dispatcher, p95 of ${rows.length}`,
    samples: rows.map((row) => row.ms),
    q: 0.95,
    target: { text: 'p95 < 50 ms', met: (value) => value < 50 },
  });
}

async function claimOf(platform: Platform, buildId: string): Promise<void> {
  for (;;) {
    const rows = await platform.sql('SELECT 1 FROM build_executions WHERE build_id = $1', [buildId]);
    if (rows.length > 0) return;
    await delay(LOOK_MS);
  }
}

async function bareInserts(url: string, clients: number, perClient: number): Promise<number[]> {
  const pool = new pg.Pool({ connectionString: url, max: clients });
  try {
    await pool.query('CREATE TABLE IF NOT EXISTS bench_control (id uuid PRIMARY KEY, payload jsonb NOT NULL)');
    return await inParallel(clients, perClient, async () => {
      await pool.query('INSERT INTO bench_control (id, payload) VALUES ($1, $2)', [randomUUID(), { method: 'kaniko' }]);
    });
  } finally {
    await pool.end();
  }
}

async function inParallel(clients: number, perClient: number, once: () => Promise<void>): Promise<number[]> {
  const samples: number[] = [];
  const client = async (): Promise<void> => {
    for (let index = 0; index < perClient; index += 1) {
      const from = performance.now();
      await once();
      samples.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return samples;
}
