import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApi, readEnv, type RunningApi } from '@image-factory/api';
import { Secret } from '@image-factory/domain';
import { createSilentLogger } from '@image-factory/telemetry';
import { createEmptyDatabase, createTestDatabase, eventually, type TestDatabase } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ADMIN_KEY, testEnv } from './api-support.ts';
import { DatabaseProxy } from './dispatcher-database-proxy.ts';

describe('the API process', () => {
  let directory: string;
  let database: TestDatabase;
  let proxy: DatabaseProxy;
  const running: RunningApi[] = [];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'if-api-process-'));
    database = await createTestDatabase();
    proxy = await DatabaseProxy.start(database.url);
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((api) => api.close()));
    await proxy.close();
    await database.drop();
    await rm(directory, { recursive: true, force: true });
  });

  async function start(more: Partial<ReturnType<typeof testEnv>> = {}): Promise<RunningApi> {
    const api = await createApi({ ...testEnv(proxy.url, directory), ...more }, { logger: createSilentLogger() });
    running.push(api);
    return api;
  }

  async function status(api: RunningApi, path: string, key = ADMIN_KEY): Promise<number> {
    const response = await fetch(api.url + path, { headers: { authorization: `Bearer ${key}` } });
    await response.text();
    return response.status;
  }

  it('is alive and not ready while the database is down at start, and recovers by itself', async () => {
    proxy.cut();
    const api = await start();
    expect(await status(api, '/livez')).toBe(200);
    expect(await status(api, '/readyz')).toBe(503);
    expect(await status(api, '/api/v1/whoami')).toBe(503);
    proxy.restore();
    await api.ready;
    expect(await status(api, '/readyz')).toBe(200);
    expect(await status(api, '/api/v1/whoami')).toBe(200);
  });

  it('answers 503 problems while the database is away, stays alive and recovers', async () => {
    const api = await start();
    await api.ready;
    proxy.cut();
    expect(await status(api, '/livez')).toBe(200);
    const response = await fetch(`${api.url}/api/v1/whoami`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } });
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: 'DatabaseUnavailable' });
    expect(await status(api, '/readyz')).toBe(503);
    proxy.restore();
    await eventually('the API is ready again', async () => (await status(api, '/readyz')) === 200);
    expect(await status(api, '/api/v1/whoami')).toBe(200);
  });

  it('refuses to be ready on a database without its schema', async () => {
    const empty = await createEmptyDatabase();
    const api = await createApi({ ...testEnv(empty.url, directory) }, { logger: createSilentLogger() });
    await expect(api.ready).rejects.toMatchObject({ reason: 'SchemaOutdated' });
    await api.close();
    await empty.drop();
  });

  it('makes its keys once, readable by their owner only, and takes the same ones again', async () => {
    const first = await start({ bootstrapAdminKey: undefined });
    await first.ready;
    const key = (await readFile(join(directory, 'admin-key'), 'utf8')).trim();
    expect((await stat(join(directory, 'admin-key'))).mode & 0o777).toBe(0o600);
    expect(await status(first, '/api/v1/whoami', key)).toBe(200);
    const second = await start({ bootstrapAdminKey: undefined });
    await second.ready;
    expect(await status(second, '/api/v1/whoami', key)).toBe(200);
    const replaced = await start({ bootstrapAdminKey: new Secret('another-bootstrap-key-of-32-or-more-characters') });
    await replaced.ready;
    expect(await status(replaced, '/api/v1/whoami', key)).toBe(401);
  });

  it('lists every wrong variable at once and repeats no value', async () => {
    const kubeconfig = join(directory, 'kubeconfig');
    await writeFile(kubeconfig, '{}');
    const wrong = readEnv({
      IF_SERVER_PORT: '99999',
      IF_LOGGER_LEVEL: 'loud',
      IF_BOOTSTRAP_ADMIN_KEY: 'too-short-canary',
      IF_ENCRYPTION_KEYS: 'canary',
      IF_BUILD_TEKTON_ENABLED: 'yes',
      IF_BUILD_TEKTON_KUBECONFIG: '/nowhere',
      IF_CREDENTIAL_DIRS: 'relative',
    });
    expect(wrong.kind).toBe('invalid');
    const problems = wrong.kind === 'invalid' ? wrong.problems : [];
    expect(problems.map((problem) => problem.name).sort()).toEqual([
      'IF_BOOTSTRAP_ADMIN_KEY',
      'IF_BUILD_TEKTON_ENABLED',
      'IF_BUILD_TEKTON_KUBECONFIG',
      'IF_CREDENTIAL_DIRS',
      'IF_DATABASE_URL',
      'IF_ENCRYPTION_KEYS',
      'IF_LOGGER_LEVEL',
      'IF_SERVER_PORT',
    ]);
    expect(JSON.stringify(problems)).not.toContain('canary');
    const right = readEnv({
      IF_DATABASE_HOST: 'db',
      IF_DATABASE_PASSWORD: 'p@ss/word',
      IF_BUILD_TEKTON_KUBECONFIG: kubeconfig,
    });
    expect(right).toMatchObject({
      kind: 'valid',
      env: {
        databaseUrl: 'postgresql://postgres:p%40ss%2Fword@db:5432/image_factory',
        serverPort: 8080,
        tektonEnabled: false,
      },
    });
  });
});
