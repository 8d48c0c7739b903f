import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createDispatcher,
  NO_SOURCES,
  type Dispatcher,
  type DispatcherEnv,
  type DispatcherSettings,
  type ExecutionLimits,
} from '@image-factory/dispatcher';
import { Secret, type BuildExecutor, type ExecutionState } from '@image-factory/domain';
import {
  Database,
  generateEncryptionKeys,
  Notifier,
  PostgresBuildLogs,
  PostgresBuildQueue,
  PostgresBuildSubmissions,
  type NewBuild,
} from '@image-factory/persistence';
import { createLogger, createSilentLogger, Metrics } from '@image-factory/telemetry';
import {
  createTestDatabase,
  eventually,
  FakeBuildExecutor,
  FakeCluster,
  newBuild,
  type FakeRun,
  type TestDatabase,
} from '@image-factory/test-support';
import { QUICK_RETRIES } from './dispatcher-quick-retries.js';
import { FakeImagePublisher } from './fake-image-publisher.js';

export const REPOSITORY = 'registry.example/team/app';

const LIMITS: ExecutionLimits = {
  sealLimitMs: 4_000,
  lossLimitMs: 600,
  placementBudgetMs: 2_000,
  requestDeadlineMs: 800,
  podGraceMs: 500,
  publishLimitMs: 2_500,
  runRetentionMs: 0,
  lookAgainMs: 150,
};

export const LEASE_MS = 1_500;

interface SeededDatabase {
  readonly test: TestDatabase;
  readonly database: Database;
  readonly dataDir: string;
  readonly tenantId: string;
  readonly projectId: string;
  readonly providerId: string;
}

export interface SeededProvider {
  readonly id: string;
  readonly cluster: FakeCluster;
}

interface BuildRow {
  status: string;
  reason: string | null;
  message: string | null;
  parked: string | null;
  parked_message: string | null;
  attempt: number;
  image_digest: string | null;
}

interface ExecutionRow {
  id: string;
  attempt: number;
  state: ExecutionState;
  outcome: string | null;
  reason: string | null;
  message: string | null;
  stop_intent: string | null;
  slot_held: boolean;
  pipeline_run_name: string | null;
  log_gap: string | null;
  provider_id: string | null;
  swept_at: Date | null;
  credentials_removed_at: Date | null;
  waiting_reason: string | null;
  waiting_message: string | null;
  run_seconds: number;
}

/** A database of its own, one tenant, one cluster, and as many dispatchers as a test starts. */
export class DispatcherHarness {
  readonly dispatchers: Dispatcher[] = [];
  readonly publisher: FakeImagePublisher;
  readonly clusters = new Map<string, FakeCluster>();
  /** The limits that dispatchers get unless a test says otherwise. */
  readonly limits = LIMITS;
  readonly queue: PostgresBuildQueue;
  readonly logs: PostgresBuildLogs;
  readonly encryptionKeys = new Secret(generateEncryptionKeys());

  readonly test: TestDatabase;
  readonly database: Database;
  readonly dataDir: string;
  readonly tenantId: string;
  readonly projectId: string;
  readonly providerId: string;
  readonly cluster = new FakeCluster();

  private constructor(seeded: SeededDatabase) {
    const { test, database, dataDir, tenantId, projectId, providerId } = seeded;
    this.test = test;
    this.database = database;
    this.dataDir = dataDir;
    this.tenantId = tenantId;
    this.projectId = projectId;
    this.providerId = providerId;
    const notifier = new Notifier(database, { debounceMs: 5 });
    this.queue = new PostgresBuildQueue(database, notifier);
    this.logs = new PostgresBuildLogs(database);
    this.publisher = new FakeImagePublisher(this.cluster);
    this.clusters.set(providerId, this.cluster);
  }

  /** @param migrated a migrated database; one of the template unless a test needs another */
  static async open(migrated?: TestDatabase): Promise<DispatcherHarness> {
    const test = migrated ?? (await createTestDatabase());
    const database = Database.create({ url: test.url, poolSize: 4, applicationName: 'test' });
    await database.connect();
    const { tenantId, projectId } = await addTenantRows(database, 'acme');
    const dataDir = await mkdtemp(join(tmpdir(), 'if-dispatcher-'));
    const providerId = await addProviderRow(database, 'cluster-1');
    const ids = { tenantId, projectId, providerId };
    const harness = new DispatcherHarness({ test, database, dataDir, ...ids });
    await database.transaction((tx) => harness.queue.syncLane(tx, tenantId));
    return harness;
  }

  /** Another cluster; the dispatcher must be started after it. */
  async addProvider(name: string): Promise<SeededProvider> {
    const id = await addProviderRow(this.database, name);
    const cluster = new FakeCluster(this.cluster.images);
    this.clusters.set(id, cluster);
    return { id, cluster };
  }

  /** Another tenant with a project, for `submit`. */
  async addTenant(name: string): Promise<Pick<NewBuild, 'tenantId' | 'projectId'>> {
    const ids = await addTenantRows(this.database, name);
    await this.database.transaction((tx) => this.queue.syncLane(tx, ids.tenantId));
    return ids;
  }

  env(part: Partial<DispatcherEnv> = {}): DispatcherEnv {
    return {
      databaseUrl: this.test.url,
      databasePoolSize: 8,
      httpHost: '127.0.0.1',
      httpPort: 0,
      loggerLevel: 'info',
      loggerFormat: 'pretty',
      dataDir: this.dataDir,
      encryptionKeys: this.encryptionKeys,
      tektonEnabled: true,
      tektonKubeconfigPath: undefined,
      tektonInCluster: false,
      sources: NO_SOURCES,
      credentialDirs: [],
      egressAllow: [],
      insecureRegistries: [],
      slots: 50,
      leaseMs: LEASE_MS,
      heartbeatMs: 200,
      pollMs: 200,
      healthIntervalMs: 60_000,
      healthTimeoutMs: 1_000,
      credentialWarningMs: 7 * 86_400_000,
      clusterRateFloor: 5,
      clusterRateCeiling: 500,
      clusterRequestsAtOnce: 16,
      clusterMaxUnswept: 2_000,
      runRetentionMs: 0,
      logRetentionDays: 30,
      retry: QUICK_RETRIES,
      clocks: { placementSeconds: 300, sealSeconds: 120, lossMinutes: 30 },
      otlpEndpoint: undefined,
      localWorkspaceDir: join(this.dataDir, 'local'),
      localHostId: 'test-host',
      path: '',
      builderEnvironment: {},
      inCluster: undefined,
      ...part,
    };
  }

  /** A dispatcher over the fake clusters, not started. */
  async create(
    settings: Partial<DispatcherSettings> = {},
    env: Partial<DispatcherEnv> = {},
    options: {
      http?: boolean;
      reaches?: () => boolean;
      reachesAlways?: boolean;
      openBreakers?: () => ReadonlySet<string>;
      /** Instead of the fake one. */
      executor?: BuildExecutor;
    } = {},
  ): Promise<Dispatcher> {
    const executor = options.executor ?? new RoutedExecutor(this.clusters);
    const verbose = process.env['IF_TEST_LOG'] !== undefined;
    const logger = verbose
      ? createLogger({ level: 'debug', format: 'pretty', service: `dispatcher-${this.dispatchers.length + 1}` })
      : createSilentLogger();
    const dispatcher = await createDispatcher(this.env(env), logger, {
      http: options.http ?? false,
      metrics: new Metrics(),
      settings: {
        periodicScale: 0.05,
        prepareTimeoutMs: 2_000,
        noProviderWaitMs: 5_000,
        limits: LIMITS,
        retry: QUICK_RETRIES,
        ...settings,
      },
      places: () => ({
        executors: { kubernetes: executor },
        publisher: this.publisher,
        probe: (providerId) =>
          Promise.resolve(
            (options.reaches?.() ?? true) &&
              (options.reachesAlways === true || this.clusters.get(providerId)?.reachable === true)
              ? 'reached'
              : 'failed',
          ),
        probeHealth: () => Promise.resolve(0),
        connections: () => ({}),
        ...(options.openBreakers === undefined ? {} : { openBreakers: options.openBreakers }),
        upkeep: () => Promise.resolve(0),
        close: () => Promise.resolve(),
      }),
    });
    this.dispatchers.push(dispatcher);
    return dispatcher;
  }

  async start(...options: Parameters<DispatcherHarness['create']>): Promise<Dispatcher> {
    const dispatcher = await this.create(...options);
    await dispatcher.start();
    return dispatcher;
  }

  async submit(part: Partial<NewBuild> = {}): Promise<string> {
    const submissions = new PostgresBuildSubmissions(this.queue);
    const { id: buildId, superseded } = await this.database.transaction((tx) =>
      submissions.insert(
        tx,
        newBuild(this.tenantId, this.projectId, { imageRepository: REPOSITORY, queueTimeoutMinutes: 60, ...part }),
      ),
    );
    this.queue.tellSubmitted(this.tenantId, superseded);
    await this.database.query(`SELECT pg_notify('if_queue', $1)`, [this.tenantId]);
    return buildId;
  }

  cancel(buildId: string) {
    return this.queue.requestCancel({ buildId, tenantId: this.tenantId, actor: 'user:test', reason: undefined });
  }

  async build(buildId: string): Promise<BuildRow> {
    const [row] = await this.database.query<BuildRow>('SELECT * FROM builds WHERE id = $1', [buildId]);
    if (row === undefined) throw new Error(`no build ${buildId}`);
    return row;
  }

  executions(buildId: string): Promise<ExecutionRow[]> {
    return this.database.query<ExecutionRow>(
      `SELECT * FROM build_executions WHERE build_id = $1 AND state <> 'released' ORDER BY attempt`,
      [buildId],
    );
  }

  async execution(buildId: string): Promise<ExecutionRow> {
    const row = (await this.executions(buildId)).at(-1);
    if (row === undefined) throw new Error(`no execution of ${buildId}`);
    return row;
  }

  reaches(buildId: string, status: string, deadlineMs = 20_000): Promise<BuildRow> {
    return eventually(
      `build ${buildId} is ${status}`,
      async () => {
        const row = await this.build(buildId);
        return row.status === status ? row : undefined;
      },
      { deadlineMs },
    );
  }

  /** Its pod is seen to wait in two rounds one after the other: the first one has judged the clocks. */
  async waitsTwice(buildId: string, run: FakeRun): Promise<void> {
    for (const message of ['0/3 nodes', '0/4 nodes']) {
      run.waiting = { reason: 'Unschedulable', message };
      this.cluster.changed(run);
      const isStored = async (): Promise<boolean> => (await this.execution(buildId)).waiting_message === message;
      await eventually('the wait is stored', isStored, { deadlineMs: 20_000 });
    }
  }

  inState(buildId: string, state: ExecutionState, deadlineMs = 20_000): Promise<ExecutionRow> {
    return eventually(
      `an execution of ${buildId} is ${state}`,
      async () => (await this.executions(buildId)).find((row) => row.state === state),
      { deadlineMs },
    );
  }

  /** Every transition of the build and its executions, in order, as `subject:to`. */
  async timeline(buildId: string): Promise<string[]> {
    const rows = await this.database.query<{ subject: string; to_state: string }>(
      'SELECT subject, to_state FROM build_events WHERE build_id = $1 ORDER BY id',
      [buildId],
    );
    return rows.map((row) => `${row.subject}:${row.to_state}`);
  }

  /** What is stored of one step, byte for byte; gaps by their reasons. */
  async storedLog(executionId: string, task: string, step: string): Promise<{ bytes: Buffer; gaps: string[] }> {
    const parts: Uint8Array[] = [];
    const gaps: string[] = [];
    for await (const { record } of this.logs.read({ executionId, step: { task, step } })) {
      if (record.kind === 'gap') gaps.push(record.reason);
      else parts.push(record.text, ...(record.newline ? [Buffer.from('\n')] : []));
    }
    return { bytes: Buffer.concat(parts), gaps };
  }

  async counters(): Promise<{ lane: number; provider: number }> {
    const [row] = await this.database.query<{ lane: number; provider: number }>(
      `SELECT (SELECT sum(running)::int FROM lanes) AS lane, (SELECT sum(running)::int FROM providers) AS provider`,
    );
    return row!;
  }

  async close(): Promise<void> {
    await Promise.all(this.dispatchers.map((dispatcher) => dispatcher.abandon().catch(() => undefined)));
    await this.database.close();
    await this.test.drop();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

/** One executor for several fake clusters: each provider is its own. */
class RoutedExecutor extends FakeBuildExecutor {
  constructor(private readonly clusters: ReadonlyMap<string, FakeCluster>) {
    super();
  }

  override prepare(...[request, signal]: Parameters<FakeBuildExecutor['prepare']>) {
    return this.#on(request.providerId).prepare(request, signal);
  }

  override openFollower(...[options]: Parameters<FakeBuildExecutor['openFollower']>) {
    return this.#on(options.providerId).openFollower(options);
  }

  #on(providerId: string): FakeBuildExecutor {
    return new FakeBuildExecutor(this.clusters.get(providerId));
  }
}

async function addTenantRows(database: Database, name: string): Promise<{ tenantId: string; projectId: string }> {
  const [tenant] = await database.query<{ id: string }>(
    'INSERT INTO tenants (name, max_concurrent_builds) VALUES ($1, 100) RETURNING id',
    [name],
  );
  const [project] = await database.query<{ id: string }>(
    `INSERT INTO projects (id, tenant_id, name, git_repository_url)
     VALUES (gen_random_uuid(), $1, 'web', 'https://git.example/web.git') RETURNING id`,
    [tenant!.id],
  );
  return { tenantId: tenant!.id, projectId: project!.id };
}

async function addProviderRow(database: Database, name: string): Promise<string> {
  const [row] = await database.query<{ id: string }>(
    `INSERT INTO providers (id, name, provider_type, is_global, health, tekton_answers)
     VALUES (gen_random_uuid(), $1, 'kubernetes', true, 'healthy', true) RETURNING id`,
    [name],
  );
  return row!.id;
}
