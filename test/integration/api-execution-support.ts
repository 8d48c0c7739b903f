import { randomUUID } from 'node:crypto';
import type { LogRecord, LogStep } from '@image-factory/domain';
import { Database, Notifier, PostgresBuildLogs, type ShardLease } from '@image-factory/persistence';
import { appendLog, endLogStep } from '@image-factory/test-support';
import type { ApiHarness } from './api-support.ts';

/** An attempt that a dispatcher would have placed, with a way to write its log as one does. */
export class PlacedAttempt {
  private readonly offsets = new Map<string, number>();

  private constructor(
    readonly executionId: string,
    private readonly harness: ApiHarness,
    private readonly database: Database,
    private readonly notifier: Notifier,
    private readonly fence: ShardLease,
    private readonly day: string,
  ) {}

  /** Takes the build out of the queue and gives it a running attempt. */
  static async place(harness: ApiHarness, buildId: string, attempt = 1): Promise<PlacedAttempt> {
    const database = Database.create({ url: harness.database.url, poolSize: 2, applicationName: 'test-dispatcher' });
    await database.connect();
    const notifier = new Notifier(database, { debounceMs: 1 });
    await new PostgresBuildLogs(database, notifier).ensurePartitions(1);
    const fence: ShardLease = { providerId: randomUUID(), host: '', shard: attempt, token: randomUUID() };
    await database.query(
      `INSERT INTO providers (id, name, provider_type, health) VALUES ($1, $2, 'kubernetes', 'healthy')`,
      [fence.providerId, `cluster ${fence.providerId}`],
    );
    await database.query(
      'INSERT INTO cluster_shards (provider_id, host, shard, owner, token) VALUES ($1, $2, $3, gen_random_uuid(), $4)',
      [fence.providerId, fence.host, fence.shard, fence.token],
    );
    await database.query(`UPDATE builds SET status = 'running', queue_key = NULL, attempt = $2 WHERE id = $1`, [
      buildId,
      attempt,
    ]);
    const [row] = await database.query<{ id: string; log_day: string }>(
      `INSERT INTO build_executions (id, build_id, tenant_id, attempt, state, owner, claim_token, provider_id, provider_generation,
         host, shard, cluster_uid, namespace, namespace_uid, pipeline_run_name, document, document_hash, log_day, placed_at,
         created_at, first_step_started_at)
       SELECT gen_random_uuid(), b.id, b.tenant_id, $2::int, 'running', gen_random_uuid(), gen_random_uuid(), $3, 1, '', $4::int, 'uid',
         'image-factory-x', 'ns', 'if-' || b.id || '-' || ($2::int)::text, '{"kind":"PipelineRun","metadata":{"name":"sent"}}', 'hash',
         current_date, now(), now(), now()
         FROM builds b WHERE b.id = $1 RETURNING id, log_day`,
      [buildId, attempt, fence.providerId, fence.shard],
    );
    return new PlacedAttempt(row!.id, harness, database, notifier, fence, row!.log_day);
  }

  async write(step: LogStep, ...records: LogRecord[]): Promise<void> {
    const key = `${step.task}/${step.step}`;
    const expectedByteOffset = this.offsets.get(key) ?? 0;
    const logs = new PostgresBuildLogs(this.database, this.notifier);
    const result = await appendLog(logs, this.fence, [
      { executionId: this.executionId, day: this.day, step, records, expectedByteOffset },
    ]);
    if (result !== 'done') throw new Error(result);
    const bytes = records.reduce(
      (sum, record) => sum + (record.kind === 'line' ? record.text.byteLength + (record.newline ? 1 : 0) : 0),
      0,
    );
    this.offsets.set(key, expectedByteOffset + bytes);
  }

  async endStep(step: LogStep): Promise<void> {
    const logs = new PostgresBuildLogs(this.database, this.notifier);
    const result = await endLogStep(logs, this.fence, this.executionId, step);
    if (result !== 'done') throw new Error(result);
  }

  /** Ends the attempt and, with it, the build. */
  async finish(buildStatus: 'completed' | 'failed' | 'queued' = 'completed'): Promise<void> {
    await this.database.query(
      `UPDATE build_executions SET state = $2, outcome = $3, outcome_at = now(), log_sealed_at = now(), finished_at = now(),
         slot_held = false WHERE id = $1`,
      [
        this.executionId,
        buildStatus === 'completed' ? 'succeeded' : 'failed',
        buildStatus === 'completed' ? 'succeeded' : 'failed',
      ],
    );
    if (buildStatus === 'queued') return;
    await this.harness.sql.query(
      `UPDATE builds SET status = $2, finished_at = now() WHERE id = (SELECT build_id FROM build_executions WHERE id = $1)`,
      [this.executionId, buildStatus],
    );
  }

  async close(): Promise<void> {
    await this.notifier.close();
    await this.database.close();
  }
}

/** A line as the container runtime writes it. */
export function line(text: string | Uint8Array, second = 0, newline = true): LogRecord {
  const time = new Date(Date.UTC(2026, 0, 1, 12, 0, second)).toISOString();
  return { kind: 'line', time, text: typeof text === 'string' ? Buffer.from(text) : text, newline };
}
