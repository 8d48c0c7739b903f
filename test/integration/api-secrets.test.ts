import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { API_BASE, ROUTES } from '@image-factory/api';
import { parseEncryptionKeys, PostgresCredentials, SecretCipher, Database } from '@image-factory/persistence';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADMIN_KEY, ApiHarness } from './api-support.ts';

const CANARY = 'c4n4ry';
const secret = (name: string): string => `${CANARY}-${name}-0123456789abcdef`;
const PEM_LIKE = (kind: string, name: string): string =>
  `-----BEGIN ${kind}-----\n${Buffer.from(secret(name)).toString('base64')}\n-----END ${kind}-----\n`;

/** Every form in which a planted secret could come out. */
function forms(name: string): string[] {
  const text = secret(name);
  return [text, Buffer.from(text).toString('base64').slice(0, 20), encodeURIComponent(text)];
}

describe('planted secrets', () => {
  let harness: ApiHarness;
  let tenantId: string;
  let projectId: string;
  const names = [
    'password',
    'docker',
    'git-token',
    'git-password',
    'ssh',
    'cluster-token',
    'kubeconfig',
    'typo',
    'unknown',
    'idempotent',
  ];
  const seen: string[] = [];
  const ids = new Map<string, string>();

  beforeAll(async () => {
    harness = await ApiHarness.start();
    tenantId = await harness.createTenant();
    const post = async (path: string, body: object, headers?: Record<string, string>): Promise<string> => {
      const answer = await harness.call('POST', API_BASE + path, { tenantId, body, ...(headers ? { headers } : {}) });
      seen.push(answer.text, JSON.stringify(answer.headers));
      return answer.body?.id;
    };
    const auths = JSON.stringify({
      auths: { 'registry.example': { auth: Buffer.from(`u:${secret('docker')}`).toString('base64') } },
    });
    ids.set(
      'registry',
      await post('/registry-auths', {
        name: 'b',
        type: 'basic',
        server: 'registry.example',
        username: 'u',
        password: secret('password'),
      }),
    );
    await post('/registry-auths', { name: 'd', type: 'dockerconfigjson', dockerconfigjson: auths });
    ids.set('repository', await post('/repository-auths', { name: 't', type: 'token', token: secret('git-token') }));
    await post('/repository-auths', { name: 'p', type: 'basic', username: 'u', password: secret('git-password') });
    await post('/repository-auths', {
      name: 's',
      type: 'ssh_key',
      ssh_key: PEM_LIKE('OPENSSH PRIVATE KEY', 'ssh'),
      known_hosts: 'h ssh-ed25519 AAAA',
    });
    const provider = {
      name: 'c',
      provider_type: 'kubernetes',
      config: { auth_method: 'token', endpoint: 'https://k.example', token: secret('cluster-token') },
    };
    ids.set('provider', await post('/admin/infrastructure/providers', provider));
    const kubeconfig = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'c',
      clusters: [{ name: 'c', cluster: { server: 'https://k.example' } }],
      users: [{ name: 'u', user: { token: secret('kubeconfig') } }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    });
    await post('/admin/infrastructure/providers', {
      name: 'k',
      provider_type: 'kubernetes',
      config: { auth_method: 'kubeconfig', kubeconfig },
    });
    // Mistakes: the value in a wrong field, of a wrong type, twice under one name, under an unknown name.
    await post('/registry-auths', {
      name: 'b',
      type: 'basic',
      server: 'registry.example',
      username: 'u',
      password: secret('typo'),
    });
    await post('/registry-auths', {
      name: 'x',
      type: 'dockerconfigjson',
      dockerconfigjson: `{"auths":"${secret('typo')}"`,
    });
    await post('/repository-auths', {
      name: 'x',
      type: 'ssh_key',
      ssh_key: secret('typo'),
      passwort: secret('unknown'),
    });
    await post('/repository-auths', { name: 'x', type: 'token', token: { value: secret('typo') } });
    await post('/admin/infrastructure/providers', {
      ...provider,
      config: { ...provider.config, kubeconfig: secret('typo'), tokenn: secret('unknown') },
    });
    await post('/admin/infrastructure/providers', {
      ...provider,
      name: 'y',
      config: { auth_method: 'kubeconfig', kubeconfig: `users: [${secret('typo')}` },
    });
    await post(
      '/registry-auths',
      { name: 'i', type: 'basic', server: 'registry.example', username: 'u', password: secret('idempotent') },
      { 'idempotency-key': 'k1' },
    );
    projectId = await harness.createProject(tenantId, {
      registry_auth_id: ids.get('registry'),
      repository_auth_id: ids.get('repository'),
    });
    await harness.submit(tenantId, projectId);
  });
  afterAll(() => harness.stop());

  it('are in no answer of any route, in no error and in no log line', async () => {
    const { body: builds } = await harness.call('GET', `${API_BASE}/builds`, { tenantId });
    const objects = [builds.items[0].id, projectId, ids.get('provider'), tenantId, ids.get('registry')] as string[];
    for (const rule of ROUTES.filter(
      (candidate) => candidate.method === 'GET' && !candidate.path.endsWith('/stream'),
    )) {
      for (const id of rule.path.includes(':') ? objects : ['']) {
        const answer = await harness.call(
          'GET',
          rule.path.replace(/:(\w+)/g, id),
          rule.scope === 'tenant' ? { tenantId } : {},
        );
        seen.push(answer.text, JSON.stringify(answer.headers));
      }
    }
    for (const id of objects) {
      seen.push((await harness.call('POST', `${API_BASE}/admin/infrastructure/providers/${id}/test-connection`)).text);
    }
    const all = [...seen, ...harness.log.lines].join('\n');
    for (const name of names)
      for (const form of forms(name)) expect(all.includes(form), `${name} as ${form}`).toBe(false);
    expect(all.includes(ADMIN_KEY)).toBe(false);
    expect(all).toContain('fingerprint');
  });

  it('are nowhere in the database in clear', async () => {
    const { rows: tables } = await harness.sql.query(`SELECT tablename FROM pg_tables WHERE schemaname = 'public'`);
    for (const { tablename } of tables) {
      const { rows } = await harness.sql.query(`SELECT t::text AS row FROM "${tablename}" t`);
      const text = rows.map((row) => row.row).join('\n');
      for (const name of names) {
        for (const form of [...forms(name), Buffer.from(secret(name)).toString('hex')]) {
          expect(text.includes(form), `${name} in ${tablename}`).toBe(false);
        }
      }
      expect(text.includes(ADMIN_KEY)).toBe(false);
    }
  });

  it('are opened for an attempt only, as a Docker config and a git credential', async () => {
    const { directory } = harness;
    const keys = parseEncryptionKeys((await readFile(join(directory, 'encryption-keys'), 'utf8')).trim());
    const database = Database.create({ url: harness.database.url, poolSize: 1, applicationName: 'test' });
    await database.connect();
    try {
      const opened = await new PostgresCredentials(database, new SecretCipher(keys)).openForExecution({
        tenantId,
        registryAuthId: ids.get('registry'),
        repositoryAuthId: ids.get('repository'),
        gitRepositoryUrl: 'https://git.example/team/app.git',
        imageRepository: 'registry.example/team/app',
      });
      expect(JSON.parse(opened.dockerConfigJson!.reveal()).auths['registry.example']).toMatchObject({
        username: 'u',
        password: secret('password'),
      });
      expect(opened.git).toMatchObject({ type: 'token', host: 'git.example', username: 'oauth2' });
      expect(JSON.stringify(opened)).not.toContain(CANARY);
      const others = new PostgresCredentials(database, new SecretCipher(keys)).openForExecution({
        tenantId: await harness.createTenant(),
        registryAuthId: ids.get('registry'),
        repositoryAuthId: undefined,
        gitRepositoryUrl: 'https://git.example/team/app.git',
        imageRepository: undefined,
      });
      await expect(others).rejects.toMatchObject({ reason: 'NotFound' });
    } finally {
      await database.close();
    }
  });

  it('are kept in files that only their owner reads', async () => {
    const { directory } = harness;
    for (const name of await readdir(directory)) {
      expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600);
    }
  });
});
