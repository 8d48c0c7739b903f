import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { migrate } from '@image-factory/migrations';
import { type PostgresServer, startPostgres } from '../postgres/postgres-server.ts';
import { checkEnvironment } from './check-environment.ts';
import { Child } from './child-process.ts';
import { lockDataDir } from './data-dir-lock.ts';
import { Failure } from './failure.ts';
import { isFree, nextFreePort } from './ports.ts';
import { ROOT, type Settings } from './settings.ts';

const READY_TIMEOUT_MS = 60_000;
/** Processes, then the database: together below the 20 s that `npm start` promises. */
const STOP_TIMEOUT_MS = 14_000;
const DEFAULT_PORTS = { server: 8080, apiMetrics: 9464, dispatcher: 9465 } as const;

export interface PlatformOptions {
  readonly settings: Settings;
  /** `prefix`: lines to standard output; `files`: below `<dataDir>/logs`. */
  readonly logs: 'prefix' | 'files';
  /** Take the next free ports where the environment names none. */
  readonly moveTakenPorts: boolean;
  /** Added to the environment of both processes. */
  readonly environment: Readonly<Record<string, string>>;
  /** Wraps each step to show it. */
  readonly step: <T>(name: string, work: () => Promise<T>) => Promise<T>;
}

/** PostgreSQL, API and dispatcher on this machine. */
export interface Platform {
  /** As in `http://127.0.0.1:8080`. */
  readonly apiUrl: string;
  readonly adminKey: string;
  /** Where the key is kept; undefined when it came from the environment. */
  readonly adminKeyFile: string | undefined;
  readonly databaseUrl: string;
  /** Rejects when a process ends that was not asked to. */
  readonly broken: Promise<never>;
  stop(): Promise<void>;
}

interface Ports {
  readonly server: number;
  readonly apiMetrics: number;
  readonly dispatcher: number;
}

async function choosePorts(options: PlatformOptions): Promise<Ports> {
  const { settings, moveTakenPorts } = options;
  const named = (name: string): number | undefined => (process.env[name] ? Number(process.env[name]) : undefined);
  const taken: number[] = [];
  const choose = async (name: string, host: string, wanted: number): Promise<number> => {
    const given = named(name);
    if (given === undefined && moveTakenPorts) {
      const port = await nextFreePort(host, wanted, taken);
      taken.push(port);
      return port;
    }
    const port = given ?? wanted;
    if (await isFree(host, port)) return port;
    throw new Failure(`Port ${port} of ${host} is taken.`, `Stop what listens there, or set ${name} to a free one.`);
  };
  return {
    server: await choose('IF_SERVER_PORT', settings.serverHost, DEFAULT_PORTS.server),
    apiMetrics: await choose('IF_API_METRICS_PORT', settings.serverHost, DEFAULT_PORTS.apiMetrics),
    dispatcher: await choose(
      'IF_DISPATCHER_HTTP_PORT',
      process.env['IF_DISPATCHER_HTTP_HOST'] || '127.0.0.1',
      DEFAULT_PORTS.dispatcher,
    ),
  };
}

/** The URL of the user's own database from its parts, as both processes read them. */
export function databaseUrlOf(environment: NodeJS.ProcessEnv): string {
  if (environment['IF_DATABASE_URL']) return environment['IF_DATABASE_URL'];
  const url = new URL('postgresql://localhost');
  url.hostname = environment['IF_DATABASE_HOST'] || 'localhost';
  url.port = environment['IF_DATABASE_PORT'] || '5432';
  url.username = encodeURIComponent(environment['IF_DATABASE_USER'] || 'postgres');
  url.password = encodeURIComponent(environment['IF_DATABASE_PASSWORD'] || '');
  url.pathname = `/${encodeURIComponent(environment['IF_DATABASE_NAME'] || 'image_factory')}`;
  if (environment['IF_DATABASE_SSL'] === 'true') url.searchParams.set('sslmode', 'verify-full');
  return url.href;
}

async function migrateDatabase(url: string): Promise<void> {
  try {
    await migrate({ url });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new Failure(
      `The database could not be brought to the newest schema: ${text}`,
      'Check IF_DATABASE_* and its rights.',
    );
  }
}

/** Everything that was started so far, stopped in the reverse order of use: processes, database, lock. */
class Started {
  readonly children: Child[] = [];
  postgres: PostgresServer | undefined;
  unlock: (() => void) | undefined;

  async stop(): Promise<void> {
    await Promise.all(this.children.map((child) => child.stop(STOP_TIMEOUT_MS)));
    await this.postgres?.stop();
    this.unlock?.();
  }
}

async function startProcesses(options: PlatformOptions, started: Started, databaseUrl: string): Promise<Ports> {
  const { settings, step } = options;
  const ports = await choosePorts(options);
  const environment: NodeJS.ProcessEnv = {
    ...process.env,
    ...options.environment,
    IF_DATA_DIR: settings.dataDir,
    IF_SERVER_PORT: String(ports.server),
    IF_API_METRICS_PORT: String(ports.apiMetrics),
    IF_DISPATCHER_HTTP_PORT: String(ports.dispatcher),
    IF_DISPATCHER_EMBEDDED: 'false',
    ...(settings.hasOwnDatabase ? {} : { IF_DATABASE_URL: databaseUrl }),
  };
  const spawnChild = (name: string): Child => {
    const logFile = options.logs === 'files' ? join(settings.dataDir, 'logs', `${name}.log`) : undefined;
    const child = new Child({
      name,
      entry: join(ROOT, 'apps', name, 'dist', 'main.js'),
      cwd: ROOT,
      environment,
      logFile,
    });
    started.children.push(child);
    return child;
  };
  const dispatcherHost = process.env['IF_DISPATCHER_HTTP_HOST'] || '127.0.0.1';
  await step('starting API and dispatcher', () =>
    Promise.all([
      spawnChild('api').waitUntilReady(`http://${settings.serverHost}:${ports.server}/readyz`, READY_TIMEOUT_MS),
      spawnChild('dispatcher').waitUntilReady(`http://${dispatcherHost}:${ports.dispatcher}/readyz`, READY_TIMEOUT_MS),
    ]),
  );
  return ports;
}

function watch(children: readonly Child[]): Promise<never> {
  const broken = new Promise<never>((_resolve, reject) => {
    for (const child of children) {
      void child.ended.then((code) => {
        if (!child.isStopping) reject(child.describeEnd(code));
      });
    }
  });
  broken.catch(() => undefined);
  return broken;
}

/** Starts PostgreSQL (unless the environment names one), migrates, and starts the API and a dispatcher. */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const { settings, step } = options;
  checkEnvironment({ ...process.env, ...options.environment });
  const started = new Started();
  try {
    started.unlock = lockDataDir(settings.dataDir);
    let databaseUrl: string;
    if (settings.hasOwnDatabase) databaseUrl = databaseUrlOf(process.env);
    else {
      started.postgres = await step('starting PostgreSQL', () => startPostgres(settings.dataDir));
      databaseUrl = started.postgres.url;
    }
    await step('migrating the database', () => migrateDatabase(databaseUrl));
    const ports = await startProcesses(options, started, databaseUrl);
    const given = process.env['IF_BOOTSTRAP_ADMIN_KEY'];
    const adminKeyFile = given ? undefined : join(settings.dataDir, 'admin-key');
    return {
      apiUrl: `http://${settings.serverHost}:${ports.server}`,
      adminKey: given || readFileSync(join(settings.dataDir, 'admin-key'), 'utf8').trim(),
      adminKeyFile,
      databaseUrl,
      broken: watch(started.children),
      stop: () => started.stop(),
    };
  } catch (error) {
    await started.stop();
    throw error;
  }
}
