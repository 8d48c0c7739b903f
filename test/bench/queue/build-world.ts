import { randomUUID } from 'node:crypto';
import {
  Database,
  PostgresBuildLogs,
  PostgresBuildQueue,
  PostgresExecutions,
  PostgresLeases,
  queueKeyNow,
  type ClaimedExecution,
  type PlacementCommit,
  type ShardLease,
} from '@image-factory/persistence';
import pg from 'pg';
import { makeMigratedDatabase } from '../database/make-database.ts';

export interface TenantShape {
  readonly maxRunning: number;
  readonly weight?: number;
}

export interface Fill {
  readonly perTenant: number;
  /** SQL of the priority of the n-th build of a tenant. Default 0. */
  readonly priority?: string;
  /** Default kaniko; packer builds make no image, so that no registry takes part. */
  readonly method?: 'kaniko' | 'packer';
  /** False: builds that will never be claimed, without configuration. Default true. */
  readonly claimable?: boolean;
  /** Older by this, in milliseconds. */
  readonly olderMs?: number;
}

/** A migrated database of its own with the product's stores on it, and rows by the hundred thousand. */
export class BuildWorld {
  readonly url: string;
  readonly database: Database;
  readonly queue: PostgresBuildQueue;
  readonly executions: PostgresExecutions;
  readonly logs: PostgresBuildLogs;
  readonly leases: PostgresLeases;
  /** Without a statement timeout, for filling and for looking. */
  readonly side: pg.Pool;

  private constructor(url: string, database: Database) {
    this.url = url;
    this.database = database;
    this.queue = new PostgresBuildQueue(database);
    this.executions = new PostgresExecutions(database);
    this.logs = new PostgresBuildLogs(database);
    this.leases = new PostgresLeases(database);
    this.side = new pg.Pool({ connectionString: url, max: 2 });
    this.side.on('error', () => undefined);
  }

  static async open(serverUrl: string, name: string, poolSize = 12): Promise<BuildWorld> {
    const url = await makeMigratedDatabase(serverUrl, name);
    return new BuildWorld(url, await connect(url, poolSize));
  }

  async close(): Promise<void> {
    await this.database.close();
    await this.side.end();
  }

  async rows<T extends pg.QueryResultRow>(sql: string, parameters: readonly unknown[] = []): Promise<T[]> {
    return (await this.side.query<T>(sql, [...parameters])).rows;
  }

  async number(sql: string, parameters: readonly unknown[] = []): Promise<number> {
    const [row] = await this.rows<{ n: string | number | null }>(sql, parameters);
    return Number(row?.n ?? 0);
  }

  async tenants(count: number, shape: TenantShape): Promise<string[]> {
    const rows = await this.rows<{ id: string }>(
      `WITH t AS (
         INSERT INTO tenants (name, max_concurrent_builds, weight)
         SELECT 'tenant-' || gen_random_uuid(), $2, $3 FROM generate_series(1, $1::integer) RETURNING id
       ), p AS (
         INSERT INTO projects (id, tenant_id, name, git_repository_url) SELECT uuidv7(), id, 'p', 'https://git.example/p' FROM t
       ), l AS (
         INSERT INTO lanes (tenant_id, max_running, weight) SELECT id, $2, $3 FROM t
       )
       SELECT id FROM t`,
      [count, shape.maxRunning, shape.weight ?? 1],
    );
    return rows.map((row) => row.id);
  }

  /** Queued builds of all these tenants, in turn, one millisecond of age apart. */
  async fill(tenants: readonly string[], fill: Fill): Promise<void> {
    const chunk = Math.max(1, Math.floor(100_000 / tenants.length));
    for (let done = 0; done < fill.perTenant; done += chunk) {
      await this.#fillChunk(tenants, fill, done, Math.min(chunk, fill.perTenant - done));
    }
  }

  /** Fills until `backlog` builds are queued, evenly; statistics are taken anew when that were many. */
  async topUp(tenants: readonly string[], backlog: number): Promise<void> {
    const queued = await this.number('SELECT sum(queued) AS n FROM lanes WHERE tenant_id = ANY ($1::uuid[])', [
      tenants,
    ]);
    const perTenant = Math.ceil((backlog - queued) / tenants.length);
    if (perTenant <= 0) return;
    await this.fill(tenants, { perTenant });
    if (backlog - queued > 10_000)
      await this.rows('VACUUM ANALYZE builds, build_executions, build_configs, build_specs, lanes');
  }

  async dispatcher(leaseMs = 3_600_000): Promise<string> {
    const id = randomUUID();
    await this.leases.register({ id, host: 'host', version: '0', slots: 1_000_000, leaseMs });
    return id;
  }

  /** A provider without a limit, and its one shard, held by the dispatcher. */
  async shard(dispatcherId: string): Promise<ShardLease> {
    const [row] = await this.rows<{ id: string }>(
      `INSERT INTO providers (id, name, provider_type, is_global, health, tekton_answers, shard_count)
       VALUES (gen_random_uuid(), 'p-' || gen_random_uuid(), 'kubernetes', true, 'healthy', true, 1) RETURNING id`,
    );
    const providerId = row?.id ?? '';
    await this.leases.ensureShards(providerId, '', 1);
    await this.leases.acquire({ dispatcherId, providerId, host: '', shards: [0], max: 1, judgedAt: undefined });
    const held = (await this.leases.findHeld(dispatcherId)).find((lease) => lease.providerId === providerId);
    if (held === undefined) throw new Error('the shard was not acquired');
    return held;
  }

  placement(claimed: ClaimedExecution, dispatcherId: string, providerId: string): PlacementCommit {
    return {
      executionId: claimed.executionId,
      dispatcherId,
      claimToken: claimed.claimToken,
      providerId,
      providerGeneration: 1,
      host: '',
      shard: 0,
      place: { clusterUid: 'cluster', namespace: 'ns', namespaceUid: 'ns-uid' },
      document: { document: '{}', hash: 'hash', name: `run-${claimed.buildId}-${claimed.attempt}` },
      decision: { chosen: undefined, candidates: [], rejected: [], more: [] },
    };
  }

  async #fillChunk(tenants: readonly string[], fill: Fill, done: number, count: number): Promise<void> {
    const { priority = '0', method = 'kaniko' } = fill;
    const configured =
      fill.claimable === false
        ? 'SELECT $5::text, $6::text'
        : `, c AS (INSERT INTO build_configs (build_id, build_method, packer_template) SELECT id, $5::text, $6::text FROM b)
           INSERT INTO build_specs (build_id, request, git_repository_url) SELECT id, '{}', 'https://git.example/p' FROM b`;
    await this.rows(
      `WITH t AS (
         UPDATE projects SET next_build_number = next_build_number + $2 WHERE tenant_id = ANY ($1::uuid[])
         RETURNING tenant_id, id AS project_id, next_build_number - $2 AS first
       ), l AS (
         UPDATE lanes SET queued = queued + $2 WHERE tenant_id = ANY ($1::uuid[])
       ), b AS (
         INSERT INTO builds (id, tenant_id, project_id, build_number, status, queue_key, priority, build_method,
           infrastructure_type, build_timeout_minutes, queue_timeout_minutes, start_limit_minutes, tags, created_by)
         SELECT uuidv7(), t.tenant_id, t.project_id, t.first + n, 'queued', ${queueKeyNow(`(${priority})`)} + $3::integer + n - $4::bigint,
                ${priority}, $5::text, 'kubernetes', 30, 1440, 15, '{latest}', 'user:bench'
           FROM generate_series(0, $2::integer - 1) AS n CROSS JOIN t
         RETURNING id
       ) ${configured}`,
      [tenants, count, done, fill.olderMs ?? 0, method, method === 'packer' ? 'template.pkr.hcl' : null],
    );
  }
}

export async function connect(url: string, poolSize: number, applicationName = 'bench'): Promise<Database> {
  const database = Database.create({ url, poolSize, applicationName });
  await database.connect();
  return database;
}
