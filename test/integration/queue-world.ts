import { randomUUID } from 'node:crypto';
import type { ProviderHealth, ProviderState } from '@image-factory/domain';
import {
  Database,
  PostgresBuildLogs,
  PostgresBuildQueue,
  PostgresBuildSubmissions,
  PostgresExecutions,
  PostgresLeases,
  PostgresProjects,
  queueKeyNow,
  type ClaimedExecution,
  type NewBuild,
  type PlacementCommit,
  type ShardLease,
  type Submitted,
} from '@image-factory/persistence';
import { createTestDatabase, eventually, newBuild } from '@image-factory/test-support';

export interface SubmitOptions {
  readonly priority?: number;
  readonly notBefore?: Date;
  readonly maxQueued?: number;
  readonly method?: 'kaniko' | 'packer';
  readonly queueTimeoutMinutes?: number;
  readonly requestedProviderId?: string;
}

export interface ProviderOptions {
  readonly limit?: number;
  readonly state?: ProviderState;
  readonly health?: ProviderHealth;
  readonly isGlobal?: boolean;
}

export const DIGEST = `sha256:${'a'.repeat(64)}`;

/** A migrated database of its own with the stores on it, and the few rows that every queue test needs. */
export class QueueWorld {
  readonly queue: PostgresBuildQueue;
  readonly leases: PostgresLeases;
  readonly executions: PostgresExecutions;
  readonly logs: PostgresBuildLogs;
  readonly projects: PostgresProjects;
  readonly submissions: PostgresBuildSubmissions;
  readonly #projects = new Map<string, string>();
  readonly #others: Database[] = [];

  private constructor(
    readonly url: string,
    readonly database: Database,
    private readonly drop: () => Promise<void>,
  ) {
    this.queue = new PostgresBuildQueue(database);
    this.leases = new PostgresLeases(database);
    this.executions = new PostgresExecutions(database);
    this.logs = new PostgresBuildLogs(database);
    this.projects = new PostgresProjects(database);
    this.submissions = new PostgresBuildSubmissions(this.queue);
  }

  static async open(poolSize = 12): Promise<QueueWorld> {
    const { url, drop } = await createTestDatabase();
    const database = Database.create({ url, poolSize, applicationName: 'queue-test' });
    await database.connect();
    return new QueueWorld(url, database, drop);
  }

  /** Connections of their own to the same database, as another process has them. */
  async connectAgain(poolSize = 2): Promise<Database> {
    const database = Database.create({ url: this.url, poolSize, applicationName: 'queue-test-other' });
    this.#others.push(database);
    await database.connect();
    return database;
  }

  async close(): Promise<void> {
    await Promise.all([this.database, ...this.#others].map((database) => database.close()));
    await this.drop();
  }

  async one<T>(sql: string, parameters: unknown[] = []): Promise<T> {
    const [row] = await this.database.query<T>(sql, parameters);
    if (row === undefined) throw new Error(`no row: ${sql}`);
    return row;
  }

  /** Until so many transactions stand in line for locks that others hold. */
  async inLine(count: number): Promise<void> {
    const waiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    await eventually(`${count} wait for a lock`, async () => (await this.database.query(waiting)).length === count);
  }

  async tenant(maxConcurrent = 10, weight = 1): Promise<string> {
    const id = randomUUID();
    await this.database.transaction(async (tx) => {
      await tx.query('INSERT INTO tenants (id, name, max_concurrent_builds, weight) VALUES ($1, $2, $3, $4)', [
        id,
        `tenant-${id}`,
        maxConcurrent,
        weight,
      ]);
      await this.queue.syncLane(tx, id);
    });
    const project = randomUUID();
    await this.database.query(
      `INSERT INTO projects (id, tenant_id, name, git_repository_url) VALUES ($1, $2, 'p', 'https://git.example/p')`,
      [project, id],
    );
    this.#projects.set(id, project);
    return id;
  }

  /** Another project of the tenant, or its first one with a limit. */
  async project(tenantId: string, maxConcurrentBuilds: number | null = null): Promise<string> {
    const name = `p-${randomUUID()}`;
    const input = { name, gitRepositoryUrl: 'https://git.example/p', maxConcurrentBuilds };
    return (await this.database.transaction((tx) => this.projects.create(tx, tenantId, input))).id;
  }

  async limitProject(tenantId: string, projectId: string, maxConcurrentBuilds: number | null): Promise<void> {
    await this.database.transaction((tx) => this.projects.update(tx, tenantId, projectId, { maxConcurrentBuilds }));
  }

  /** Through the store of submissions, with everything that it decides. */
  async submitNew(tenantId: string, part: Partial<NewBuild> = {}): Promise<Submitted> {
    const projectId = part.projectId ?? this.#projects.get(tenantId) ?? '';
    return this.database.transaction((tx) => this.submissions.insert(tx, newBuild(tenantId, projectId, part)));
  }

  /** Ends a claim before it was placed: its slot and its key are free, and its build has failed. */
  async fail(claimed: ClaimedExecution, dispatcherId: string): Promise<void> {
    const { executionId } = claimed;
    const request = { executionId, dispatcherId, reason: 'BuildConfigInvalid' as const, message: '' };
    if (!(await this.queue.failPlacing(request))) throw new Error(`the claim of ${executionId} was lost`);
  }

  async provider(options: ProviderOptions = {}): Promise<string> {
    const id = randomUUID();
    await this.database.query(
      `INSERT INTO providers (id, name, provider_type, is_global, state, max_concurrent_builds, health, tekton_answers)
       VALUES ($1, $2, 'kubernetes', $3, $4, $5, $6, true)`,
      [
        id,
        `p-${id}`,
        options.isGlobal ?? true,
        options.state ?? 'enabled',
        options.limit ?? 0,
        options.health ?? 'healthy',
      ],
    );
    return id;
  }

  async dispatcher(leaseMs = 60_000): Promise<string> {
    const id = randomUUID();
    await this.leases.register({ id, host: 'host', version: '0', slots: 100, leaseMs });
    return id;
  }

  /** Its lease has run out, as after a crash. */
  async kill(dispatcherId: string): Promise<void> {
    await this.database.query(`UPDATE dispatchers SET lease_until = now() - interval '1 second' WHERE id = $1`, [
      dispatcherId,
    ]);
  }

  /** A build with what the tests of the queue look at; through the same statement as the API's. */
  async submit(tenantId: string, options: SubmitOptions = {}): Promise<string> {
    const { maxQueued, method = 'kaniko', ...rest } = options;
    const { id } = await this.submitNew(tenantId, {
      buildMethod: method,
      imageRepository: method === 'kaniko' ? 'registry.example/app' : undefined,
      ...(maxQueued === undefined ? {} : { maxQueuedBuilds: maxQueued }),
      ...rest,
    });
    return id;
  }

  /** Rows as many submissions leave them, one millisecond of age apart, oldest first. */
  async submitMany(tenantId: string, count: number): Promise<void> {
    await this.database.transaction(async (tx) => {
      await tx.query(
        `WITH b AS (
           INSERT INTO builds (id, tenant_id, project_id, build_number, status, queue_key, build_method, infrastructure_type,
             build_timeout_minutes, queue_timeout_minutes, start_limit_minutes, tags, created_by)
           SELECT gen_random_uuid(), $1, $2, (SELECT next_build_number FROM projects WHERE id = $2) + n, 'queued',
                  ${queueKeyNow('0')} + n, 'kaniko', 'kubernetes', 30, 1440, 15, '{latest}', 'user:test'
             FROM generate_series(1, $3::integer) AS n RETURNING id
         ), c AS (INSERT INTO build_configs (build_id, build_method) SELECT id, 'kaniko' FROM b)
         INSERT INTO build_specs (build_id, request, git_repository_url) SELECT id, '{}', 'https://git.example/p' FROM b`,
        [tenantId, this.#projects.get(tenantId), count],
      );
      await tx.query('UPDATE projects SET next_build_number = next_build_number + $2 WHERE id = $1', [
        this.#projects.get(tenantId),
        count + 1,
      ]);
      await tx.query('UPDATE lanes SET queued = queued + $2 WHERE tenant_id = $1', [tenantId, count]);
    });
  }

  async claimOne(dispatcherId: string): Promise<ClaimedExecution> {
    const { claimed } = await this.queue.claim({ dispatcherId, limit: 1 });
    const [first] = claimed;
    if (first === undefined) throw new Error('nothing to claim');
    return first;
  }

  commit(claimed: ClaimedExecution, dispatcherId: string, providerId: string, shard = 0): PlacementCommit {
    return {
      executionId: claimed.executionId,
      dispatcherId,
      claimToken: claimed.claimToken,
      providerId,
      providerGeneration: 1,
      host: '',
      shard,
      place: { clusterUid: 'cluster', namespace: 'ns', namespaceUid: 'ns-uid' },
      document: { document: '{}', hash: 'hash', name: `run-${claimed.buildId}-${claimed.attempt}` },
      decision: { chosen: undefined, candidates: [], rejected: [], more: [] },
    };
  }

  /** Claims, places and leases: a build that is `creating` on a shard that the dispatcher holds. */
  async placed(dispatcherId: string, providerId: string): Promise<{ claimed: ClaimedExecution; fence: ShardLease }> {
    const claimed = await this.claimOne(dispatcherId);
    const result = await this.queue.place(this.commit(claimed, dispatcherId, providerId));
    if (result.kind !== 'placed') throw new Error(result.kind);
    return { claimed, fence: await this.fence(dispatcherId, providerId) };
  }

  async fence(dispatcherId: string, providerId: string): Promise<ShardLease> {
    await this.leases.ensureShards(providerId, '', 1);
    await this.leases.acquire({ dispatcherId, providerId, host: '', shards: [0], max: 1, judgedAt: undefined });
    const [lease] = (await this.leases.findHeld(dispatcherId)).filter((held) => held.providerId === providerId);
    if (lease === undefined) throw new Error('the shard was not acquired');
    return lease;
  }

  async build(id: string): Promise<BuildView> {
    return this.one<BuildView>(
      'SELECT status, reason, message, queue_key, parked, attempt, bounces, finished_at, image_digest, cancel_reason FROM builds WHERE id = $1',
      [id],
    );
  }

  async lane(tenantId: string): Promise<{ queued: number; parked: number; running: number }> {
    return this.one('SELECT queued, parked, running FROM lanes WHERE tenant_id = $1', [tenantId]);
  }

  async execution(id: string): Promise<ExecutionView> {
    return this.one<ExecutionView>(
      'SELECT state, outcome, stop_intent, slot_held, provider_id, attempt, reason, swept_at, log_sealed_at, waiting_reason FROM build_executions WHERE id = $1',
      [id],
    );
  }

  /** `subject from→to` of a build's timeline, in order. */
  async timeline(buildId: string): Promise<string[]> {
    const rows = await this.database.query<{ line: string }>(
      `SELECT subject || ' ' || coalesce(from_state, '') || '→' || coalesce(to_state, '') AS line
         FROM build_events WHERE build_id = $1 ORDER BY id`,
      [buildId],
    );
    return rows.map((row) => row.line);
  }
}

export interface BuildView {
  readonly status: string;
  readonly reason: string | null;
  readonly message: string | null;
  readonly queue_key: number | null;
  readonly parked: string | null;
  readonly attempt: number;
  readonly bounces: number;
  readonly finished_at: Date | null;
  readonly image_digest: string | null;
  readonly cancel_reason: string | null;
}

export interface ExecutionView {
  readonly state: string;
  readonly outcome: string | null;
  readonly stop_intent: string | null;
  readonly slot_held: boolean;
  readonly provider_id: string | null;
  readonly attempt: number;
  readonly reason: string | null;
  readonly swept_at: Date | null;
  readonly log_sealed_at: Date | null;
  readonly waiting_reason: string | null;
}
