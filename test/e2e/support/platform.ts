import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { migrate } from '@image-factory/migrations';
import pg from 'pg';
import { freePort } from '../global-setup.ts';
import { readCluster, type TestCluster } from './cluster.ts';
import { RestClient, until } from './rest-client.ts';

const ADMIN_KEY = 'e2e-bootstrap-admin-key-0123456789abcdef';
const REPOSITORY_ROOT = fileURLToPath(new URL('../../..', import.meta.url));

export interface PlatformOptions {
  /** URL of the server's maintenance database. */
  readonly postgresUrl: string;
  readonly name: string;
  readonly dispatchers?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

/** The product as it runs in production: one API process, N dispatcher processes, PostgreSQL, on the real cluster. */
export class Platform {
  readonly cluster: TestCluster = readCluster();
  readonly admin: RestClient;
  readonly databaseUrl: string;
  readonly dataDir: string;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #apiPort: number;
  #api: ChildProcess | undefined;
  readonly #dispatchers = new Map<number, ChildProcess>();
  #providerId = '';

  private constructor(
    databaseUrl: string,
    dataDir: string,
    apiPort: number,
    environment: Readonly<Record<string, string>>,
  ) {
    this.databaseUrl = databaseUrl;
    this.dataDir = dataDir;
    this.#apiPort = apiPort;
    this.#environment = environment;
    this.admin = new RestClient(`http://127.0.0.1:${apiPort}`, ADMIN_KEY);
  }

  get providerId(): string {
    return this.#providerId;
  }

  static async start(options: PlatformOptions): Promise<Platform> {
    const dataDir = await mkdtemp(join(tmpdir(), 'image-factory-e2e-data-'));
    const databaseUrl = await createDatabase(options.postgresUrl, options.name);
    const apiPort = await freePort();
    const platform = new Platform(databaseUrl, dataDir, apiPort, options.environment ?? {});
    try {
      await platform.startApi();
      await platform.#registerCluster();
      for (let index = 0; index < (options.dispatchers ?? 2); index += 1) await platform.startDispatcher(index);
      return platform;
    } catch (error) {
      const logs = await platform.#logTails();
      await platform.stop();
      throw new Error(`The platform did not start.\n${logs}`, { cause: error });
    }
  }

  async startApi(): Promise<void> {
    this.#api = await this.#spawn('api', 'apps/api/dist/main.js', {
      IF_SERVER_PORT: String(this.#apiPort),
      IF_API_METRICS_PORT: String(await freePort()),
    });
    await until('the API to be ready', 60_000, async () => {
      const answer = await fetch(`http://127.0.0.1:${this.#apiPort}/readyz`);
      return answer.ok ? true : undefined;
    });
  }

  async killApi(): Promise<void> {
    await end(this.#api, 'SIGKILL');
  }

  async startDispatcher(index: number): Promise<void> {
    const port = await freePort();
    const child = await this.#spawn(`dispatcher-${index}`, 'apps/dispatcher/dist/main.js', {
      IF_DISPATCHER_HTTP_PORT: String(port),
    });
    this.#dispatchers.set(index, child);
    await until(`dispatcher ${index} to be ready`, 60_000, async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
      return answer.ok ? true : undefined;
    });
  }

  /** SIGKILL: the process may be at any line. */
  async killDispatcher(index: number): Promise<void> {
    await end(this.#dispatchers.get(index), 'SIGKILL');
    this.#dispatchers.delete(index);
  }

  async signalDispatcher(index: number, signal: NodeJS.Signals): Promise<void> {
    this.#dispatchers.get(index)?.kill(signal);
  }

  /** Index of the dispatcher process that owns the shard on which a build's live execution is. */
  async ownerOf(buildId: string): Promise<number | undefined> {
    const rows = await this.sql<{ host: string; id: string }>(
      `SELECT dispatchers.id, dispatchers.host FROM build_executions
       JOIN cluster_shards USING (provider_id, host, shard) JOIN dispatchers ON dispatchers.id = cluster_shards.owner
       WHERE build_executions.build_id = $1`,
      [buildId],
    );
    const owner = rows[0]?.id;
    if (owner === undefined) return undefined;
    for (const index of this.#dispatchers.keys()) {
      const log = await readFile(join(this.dataDir, `dispatcher-${index}.log`), 'utf8');
      if (log.includes(owner)) return index;
    }
    return undefined;
  }

  /** The processes that run now, for reading their memory. */
  processes(): { readonly name: string; readonly pid: number }[] {
    const named: [string, ChildProcess | undefined][] = [
      ['api', this.#api],
      ...[...this.#dispatchers].map(([index, child]): [string, ChildProcess] => [`dispatcher-${index}`, child]),
    ];
    return named.flatMap(([name, child]) => (child?.pid === undefined ? [] : [{ name, pid: child.pid }]));
  }

  async sql<T extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<T[]> {
    const client = new pg.Client(this.databaseUrl);
    await client.connect();
    try {
      return (await client.query<T>(text, [...values])).rows;
    } finally {
      await client.end();
    }
  }

  /** A tenant with a project on a git repository and the registry's password. */
  async tenant(name: string, over: TenantOptions = {}): Promise<TenantFixture> {
    const tenant = await this.admin.ok<{ id: string }>('POST', '/admin/tenants', { name, ...over.tenant });
    const client = this.admin.forTenant(tenant.id);
    const registry = this.cluster.registry;
    const auth = await client.ok<{ id: string }>('POST', '/registry-auths', {
      name: 'registry',
      type: 'basic',
      server: registry.host,
      username: registry.username,
      password: over.registryPassword ?? registry.password,
    });
    const repository = `${registry.host}/e2e/${name}`;
    const project = await client.ok<{ id: string }>('POST', '/projects', {
      name: 'app',
      git_repository_url: `${this.cluster.git.httpUrlBase}/${over.repository ?? 'example'}.git`,
      git_branch: 'main',
      registry_repo: repository,
      registry_auth_id: auth.id,
    });
    return { id: tenant.id, client, projectId: project.id, repository };
  }

  /** Until the first step of a build runs, on this provider where one is named. */
  async untilRunning(buildId: string, providerId?: string): Promise<void> {
    await until('the build to run', 60_000, async () => {
      const rows = await this.sql(
        `SELECT 1 FROM build_executions WHERE build_id = $1 AND state = 'running' AND provider_id = coalesce($2, provider_id)`,
        [buildId, providerId],
      );
      return rows.length > 0 ? true : undefined;
    });
  }

  /** PipelineRuns of one build that are on the cluster now. */
  async pipelineRuns(buildId: string): Promise<readonly string[]> {
    const answer = await this.cluster.kube(
      'GET',
      `/apis/tekton.dev/v1/pipelineruns?labelSelector=${encodeURIComponent(`image-factory.io/build=${buildId}`)}`,
    );
    return (answer.body.items ?? []).map((item) => item.metadata.name);
  }

  async stop(): Promise<void> {
    const children = [...this.#dispatchers.values(), ...(this.#api === undefined ? [] : [this.#api])];
    await Promise.all(children.map((child) => end(child, 'SIGTERM')));
    await rm(this.dataDir, { recursive: true, force: true });
  }

  async #logTails(): Promise<string> {
    const names = (await readdir(this.dataDir)).filter((name) => name.endsWith('.log'));
    const tails = names.map(async (name) => {
      const text = await readFile(join(this.dataDir, name), 'utf8');
      return `${name}:\n${text.trimEnd().split('\n').slice(-8).join('\n')}`;
    });
    return (await Promise.all(tails)).join('\n');
  }

  async #registerCluster(): Promise<void> {
    const provider = await this.admin.ok<{ id: string }>('POST', '/admin/infrastructure/providers', {
      name: 'test-cluster',
      provider_type: 'kubernetes',
      is_global: true,
      allow_privileged: true,
      config: {
        auth_method: 'token',
        endpoint: this.cluster.apiServerUrl,
        token: await this.cluster.shippedToken(),
        ca_cert: Buffer.from(this.cluster.caData, 'base64').toString('utf8'),
        tekton_task_images: this.cluster.taskImages,
        insecure_registries: [this.cluster.registry.host],
      },
    });
    this.#providerId = provider.id;
  }

  async #spawn(name: string, entry: string, environment: Readonly<Record<string, string>>): Promise<ChildProcess> {
    const log = createWriteStream(join(this.dataDir, `${name}.log`), { flags: 'a' });
    await new Promise((resolve) => log.once('open', resolve));
    return spawn(process.execPath, [join(REPOSITORY_ROOT, entry)], {
      stdio: ['ignore', log, log],
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: process.env['HOME'] ?? '',
        IF_DATABASE_URL: this.databaseUrl,
        IF_DATA_DIR: this.dataDir,
        IF_BOOTSTRAP_ADMIN_KEY: ADMIN_KEY,
        IF_BUILD_TEKTON_ENABLED: 'true',
        IF_EGRESS_ALLOW: '10.244.77.1,10.244.78.2,127.0.0.1',
        IF_INSECURE_REGISTRIES: this.cluster.registry.host,
        IF_LOGGER_LEVEL: 'debug',
        IF_DISPATCHER_LEASE_MS: '4000',
        IF_DISPATCHER_HEARTBEAT_MS: '1000',
        IF_HEALTH_INTERVAL_MS: '2000',
        IF_HEALTH_TIMEOUT_MS: '1500',
        IF_RUN_RETENTION_SECONDS: '0',
        ...this.#environment,
        ...environment,
      },
    });
  }
}

export interface TenantOptions {
  readonly tenant?: Readonly<Record<string, unknown>>;
  readonly registryPassword?: string;
  /** Name of a repository on the cluster's git server. */
  readonly repository?: string;
}

export interface TenantFixture {
  readonly id: string;
  readonly client: RestClient;
  readonly projectId: string;
  readonly repository: string;
}

async function createDatabase(postgresUrl: string, name: string): Promise<string> {
  const database = `e2e_${name.replaceAll('-', '_')}`;
  const client = new pg.Client(postgresUrl);
  await client.connect();
  await client.query(`CREATE DATABASE ${database}`);
  await client.end();
  const url = new URL(postgresUrl);
  url.pathname = `/${database}`;
  await migrate({ url: url.toString() });
  return url.toString();
}

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await ended;
}
