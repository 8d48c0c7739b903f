import { randomUUID } from 'node:crypto';
import {
  type DueProbe,
  ProviderRepository,
  Secret,
  TenantNamespaceRepository,
  type Attempt,
  type AttemptCredentials,
  type AttemptObservation,
  type ExecutionFollower,
  type Provider,
  type ProviderCredential,
  type ProviderSettings,
  type RenderContext,
  type TenantNamespace,
} from '@image-factory/domain';
import {
  ClusterConnectionProvider,
  openClusterConnection,
  type ClusterConnection,
  type HeldConnection,
} from '@image-factory/cluster-connectors';
import { EgressPolicy } from '@image-factory/egress';
import { createSilentLogger, systemClock } from '@image-factory/telemetry';
import { TektonBuildExecutor, type TektonBuildExecutorOptions } from '@image-factory/tekton-executor';
import { eventually, FakeKubeApiServer, FakeTektonController, USUAL_RESOURCES } from '@image-factory/test-support';
import { spoken } from './spoken.ts';

/** One connection for one provider, as the registry's pool would give it. */
export class OneConnection extends ClusterConnectionProvider {
  /** Limit of one request of connections that are opened from now on. */
  requestTimeoutMs = 30_000;
  #connection: ClusterConnection | undefined;
  readonly #callbacks = new Set<() => void>();

  constructor(private readonly config: Readonly<Record<string, string>>) {
    super();
  }

  async open(): Promise<ClusterConnection> {
    this.#connection ??= await openClusterConnection(
      { id: 'provider', source: 'api', settings: { authMethod: this.config['auth_method'] ?? 'token' } },
      this.#credential(),
      {
        egress: new EgressPolicy({ allow: ['127.0.0.0/8', '10.0.0.0/8'], allowHttp: ['127.0.0.0/8'] }),
        context: { fileRules: { allowedDirs: [], anyPath: false } },
        requestTimeoutMs: this.requestTimeoutMs,
      },
    );
    return this.#connection;
  }

  /** The provider's generation changed: holders hold anew. */
  async renew(): Promise<void> {
    const old = this.#connection;
    this.#connection = undefined;
    for (const callback of this.#callbacks) callback();
    await old?.close();
  }

  async close(): Promise<void> {
    await this.#connection?.close();
  }

  override async withConnection<T>(
    _providerId: string,
    use: (connection: ClusterConnection) => Promise<T>,
  ): Promise<T> {
    return use(await this.open());
  }

  override async hold(): Promise<HeldConnection> {
    return { connection: await this.open(), release: () => undefined };
  }

  override onChanged(_providerId: string, callback: () => void): () => void {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  }

  #credential(): ProviderCredential {
    return {
      providerId: 'provider',
      generation: 1,
      version: 1,
      fields: {
        ...this.config,
        ...(this.config['token'] === undefined ? {} : { token: new Secret(this.config['token']) }),
      },
    };
  }
}

export class InMemoryTenantNamespaces extends TenantNamespaceRepository {
  readonly rows = new Map<string, TenantNamespace>();

  override find(providerId: string, tenantId: string): Promise<TenantNamespace | undefined> {
    return Promise.resolve(this.rows.get(`${providerId}/${tenantId}`));
  }

  override save(namespace: TenantNamespace): Promise<void> {
    this.rows.set(`${namespace.providerId}/${namespace.tenantId}`, namespace);
    return Promise.resolve();
  }
}

/** Knows one provider; what only the registry asks is not answered. */
export class OneProvider extends ProviderRepository {
  settings: ProviderSettings = {};

  override list(): Promise<readonly Provider[]> {
    return Promise.resolve([this.#provider('provider')]);
  }

  override find(providerId: string): Promise<Provider | undefined> {
    return Promise.resolve(this.#provider(providerId));
  }

  override openCredential(): Promise<ProviderCredential> {
    return Promise.reject(new Error('not asked for here'));
  }

  override claimDueProbes(): Promise<readonly DueProbe[]> {
    return Promise.resolve([]);
  }

  override recordProbe(): Promise<'superseded'> {
    return Promise.resolve('superseded');
  }

  override recordWatchStaleness(): Promise<void> {
    return Promise.resolve();
  }

  #provider(id: string): Provider {
    const health = {
      verdict: 'healthy' as const,
      conditions: [],
      firstLossAt: undefined,
      probedAt: undefined,
      tektonAnswers: true,
      watchFresh: true,
    };
    return {
      id,
      name: 'fake',
      type: 'kubernetes',
      source: 'api',
      isGlobal: true,
      isDefault: true,
      state: 'enabled',
      drainDeadlineAt: undefined,
      generation: 1,
      settings: this.settings,
      capabilities: [],
      labels: {},
      maxConcurrentBuilds: 0,
      running: 0,
      unswept: 0,
      sweepBehind: false,
      region: undefined,
      pricePerMinute: undefined,
      allowPrivileged: true,
      shardCount: 8,
      health,
      createdAt: new Date(),
      updatedAt: new Date(),
    };
  }
}

export const NO_CREDENTIALS: AttemptCredentials = { dockerConfigJson: undefined, git: undefined };

/** A Tekton executor over a fake API server with a fake Tekton, or over any cluster by its provider config. */
export class TektonWorld {
  readonly providerId = 'provider';
  readonly watchStaleMs = 120_000;
  readonly mayWrite = (): boolean => true;
  readonly tenantId = randomUUID();
  readonly installationId = randomUUID();
  readonly namespaces = new InMemoryTenantNamespaces();
  readonly providers = new OneProvider();
  readonly connections: OneConnection;
  readonly executor: TektonBuildExecutor;
  readonly #closing: (() => Promise<void> | void)[] = [];

  private constructor(
    config: Readonly<Record<string, string>>,
    private readonly options: Partial<TektonBuildExecutorOptions>,
  ) {
    this.connections = new OneConnection(config);
    this.executor = this.anotherExecutor();
    this.#closing.push(() => this.connections.close());
  }

  static on(config: Readonly<Record<string, string>>, options: Partial<TektonBuildExecutorOptions> = {}): TektonWorld {
    return new TektonWorld(config, options);
  }

  /** As a second process over the same rows and cluster. */
  anotherExecutor(options: Partial<TektonBuildExecutorOptions> = {}): TektonBuildExecutor {
    const { connections, providers, namespaces, installationId } = this;
    return new TektonBuildExecutor({
      connections,
      providers,
      namespaces,
      installationId,
      clock: systemClock,
      logger: createSilentLogger(),
      ...this.options,
      ...options,
    });
  }

  context(overrides: Partial<RenderContext> = {}): RenderContext {
    return {
      installationId: this.installationId,
      tenantId: this.tenantId,
      projectId: randomUUID(),
      buildId: randomUUID(),
      executionId: randomUUID(),
      attempt: 1,
      shard: 3,
      buildMethod: 'kaniko',
      gitRepositoryUrl: 'https://git.example/team/app.git',
      gitRevision: 'main',
      imageRepository: 'registry.example/team/app',
      config: {},
      pipelineTimeoutSeconds: 600,
      storageClass: undefined,
      workspaceSize: '1Gi',
      avoidedNodes: [],
      insecureRegistry: false,
      resources: USUAL_RESOURCES,
      hasGitCredential: false,
      traceparent: undefined,
      ...overrides,
    };
  }

  /** Prepared and rendered, not created. */
  async attempt(overrides: Partial<RenderContext> = {}): Promise<Attempt> {
    const context = this.context(overrides);
    const place = await this.executor.prepare(this, AbortSignal.timeout(20_000), this.mayWrite);
    const { document, hash, name } = this.executor.render(context, place);
    const { executionId, buildId, tenantId, installationId, attempt, shard, buildMethod } = context;
    return {
      executionId,
      buildId,
      tenantId,
      installationId,
      attempt,
      shard,
      buildMethod,
      providerId: this.providerId,
      place,
      name,
      document,
      documentHash: hash,
      uid: undefined,
      stopIntent: undefined,
    };
  }

  onClose(close: () => Promise<void> | void): void {
    this.#closing.unshift(close);
  }

  async close(): Promise<void> {
    for (const close of this.#closing) await close();
  }
}

/** What the follower observes once `holds` is true of it. */
export function observeUntil(
  what: string,
  follower: ExecutionFollower,
  attempt: Attempt,
  holds: (seen: AttemptObservation) => boolean,
): Promise<AttemptObservation> {
  return eventually(what, async () => {
    const seen = await follower.observe(attempt);
    return holds(seen) ? seen : undefined;
  });
}

/** New watches that know of nothing while the old ones did: their first lists are empty, and they are silent. */
export async function openWatchesThatLag(server: FakeKubeApiServer, follower: ExecutionFollower): Promise<void> {
  const table = { kind: 'Table', apiVersion: 'meta.k8s.io/v1', columnDefinitions: [], rows: [] };
  const lags = { ...table, metadata: { resourceVersion: '1' } };
  for (const path of [/\/pipelineruns$/, /\/taskruns$/, /\/pods$/]) {
    server.fault({ path, list: true }, { kind: 'answer', body: lags });
    server.fault({ path, watch: true }, { kind: 'silence' });
  }
  follower.setShards([3, 4]);
  await follower.ready(AbortSignal.timeout(20_000));
  await eventually('its views are empty', async () => (await follower.listRuns().catch(() => [1])).length === 0);
}

export interface FakeTektonWorld {
  readonly world: TektonWorld;
  readonly server: FakeKubeApiServer;
  readonly tekton: FakeTektonController;
}

/** A world over a fresh fake API server; closed with it. */
export async function fakeTektonWorld(options: Partial<TektonBuildExecutorOptions> = {}): Promise<FakeTektonWorld> {
  const server = await FakeKubeApiServer.start(spoken);
  const tekton = new FakeTektonController(server);
  const world = TektonWorld.on(server.providerConfig(), options);
  world.onClose(() => server.close());
  world.onClose(() => tekton.close());
  return { world, server, tekton };
}
