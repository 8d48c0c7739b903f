import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { clusterFilePath, readCluster, type TestCluster } from './support/cluster.ts';
import { Platform, type TenantFixture } from './support/platform.ts';
import { type Json, until } from './support/rest-client.ts';
import { runInPod } from './support/run-in-pod.ts';

const PROVIDERS = '/admin/infrastructure/providers';
const ACCOUNT = '/api/v1/namespaces/image-factory-system';

let platform: Platform;
let second: TestCluster;
let tenant: TenantFixture;

beforeAll(async () => {
  second = readCluster('second');
  platform = await Platform.start({ postgresUrl: inject('e2ePostgresUrl'), name: 'two-clusters' });
  tenant = await platform.tenant('two');
});
afterAll(async () => platform.stop());

const pem = (base64: string): string => Buffer.from(base64, 'base64').toString('utf8');

/** Registers the second cluster, reached in one way, for every tenant. */
async function register(name: string, access: Json): Promise<string> {
  const { id } = await platform.admin.ok<{ id: string }>('POST', PROVIDERS, {
    name,
    provider_type: 'kubernetes',
    is_global: true,
    allow_privileged: true,
    config: { tekton_task_images: second.taskImages, insecure_registries: [second.registry.host], ...access },
  });
  return id;
}

const endpoint = (): Json => ({ endpoint: second.apiServerUrl, ca_cert: pem(second.caData) });

/** Submits a build for one provider and, once its first step runs, does something to the way there. */
async function buildOn(providerId: string, meanwhile: () => Promise<void> = async () => undefined): Promise<Json> {
  const { id } = await tenant.client.submit({
    project_id: tenant.projectId,
    build_method: 'kaniko',
    infrastructure_provider_id: providerId,
  });
  await until('the build to run', 60_000, async () => {
    const rows = await platform.sql(`SELECT 1 FROM build_executions WHERE build_id = $1 AND state = 'running'`, [id]);
    return rows.length > 0 ? true : undefined;
  });
  await meanwhile();
  const build = await tenant.client.ended(id);
  const gaps = await platform.sql<{ gaps: number }>(
    `SELECT coalesce(sum(gaps), 0)::integer AS gaps FROM build_log_cursors c
       JOIN build_executions e ON e.id = c.execution_id WHERE e.build_id = $1`,
    [id],
  );
  return { ...build, gaps: gaps[0]?.gaps };
}

const WHOLE = { status: 'completed', attempt: 1, gaps: 0 };

async function credentialOf(providerId: string): Promise<Json> {
  return (await platform.admin.ok<{ credential: Json }>('GET', `${PROVIDERS}/${providerId}`)).credential;
}

/** A token that is good while a Secret of this name exists. */
async function tokenBoundTo(secret: string): Promise<string> {
  await second.kube('POST', `${ACCOUNT}/secrets`, { apiVersion: 'v1', kind: 'Secret', metadata: { name: secret } });
  const { body } = await second.kube('POST', `${ACCOUNT}/serviceaccounts/image-factory/token`, {
    spec: { expirationSeconds: 3600, boundObjectRef: { kind: 'Secret', apiVersion: 'v1', name: secret } },
  });
  return String(body.status?.['token']);
}

/** A certificate of the second cluster's own authority for a user with the rights of the shipped role. */
function clientCertificate(): { client_cert: string; client_key: string } {
  const authority = join(dirname(clusterFilePath('second')), 'pki');
  const directory = mkdtempSync(join(tmpdir(), 'image-factory-cert-'));
  const from = (name: string): string => join(directory, name);
  try {
    const issuer = ['-CA', join(authority, 'ca.crt'), '-CAkey', join(authority, 'ca.key')];
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', from('key')];
    const subject = ['-subj', '/CN=image-factory-by-certificate', '-days', '30', '-out', from('crt')];
    const usage = ['-addext', 'extendedKeyUsage=clientAuth', '-addext', 'basicConstraints=critical,CA:FALSE'];
    execFileSync('openssl', ['req', '-x509', ...issuer, ...key, ...subject, ...usage], { stdio: 'pipe' });
    return { client_cert: readFileSync(from('crt'), 'utf8'), client_key: readFileSync(from('key'), 'utf8') };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function allowByCertificate(): Promise<void> {
  await second.kube('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'image-factory-by-certificate' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'image-factory' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'image-factory-by-certificate' }],
  });
}

describe('two clusters at once', () => {
  it('both build for one tenant at the same time', async () => {
    const providerId = await register('second-both', {
      auth_method: 'token',
      token: await second.shippedToken(),
      ...endpoint(),
    });
    const builds = await Promise.all([buildOn(platform.providerId), buildOn(providerId)]);
    expect(builds).toMatchObject([WHOLE, WHOLE]);
  });

  it('a token that is rotated, and whose predecessor is refused, disturbs no build that runs', async () => {
    await second.shippedToken();
    const providerId = await register('second-token', {
      auth_method: 'token',
      token: await tokenBoundTo('token-1'),
      ...endpoint(),
    });
    const before = await credentialOf(providerId);
    const build = await buildOn(providerId, async () => {
      await platform.admin.ok('PATCH', `${PROVIDERS}/${providerId}`, {
        config: { token: await tokenBoundTo('token-2') },
      });
      await second.kube('DELETE', `${ACCOUNT}/secrets/token-1`);
    });
    expect(build).toMatchObject(WHOLE);
    expect((await credentialOf(providerId))['fingerprint']).not.toBe(before['fingerprint']);
    expect(await buildOn(providerId)).toMatchObject(WHOLE);
    await second.kube('DELETE', `${ACCOUNT}/secrets/token-2`);
  });

  it('a client certificate that is rotated disturbs no build that runs', async () => {
    await second.shippedToken();
    await allowByCertificate();
    const providerId = await register('second-certificate', {
      auth_method: 'client-cert',
      ...clientCertificate(),
      ...endpoint(),
    });
    const before = await credentialOf(providerId);
    const build = await buildOn(providerId, async () => {
      await platform.admin.ok('PATCH', `${PROVIDERS}/${providerId}`, { config: clientCertificate() });
    });
    expect(build).toMatchObject(WHOLE);
    expect((await credentialOf(providerId))['fingerprint']).not.toBe(before['fingerprint']);
  });

  it('a kubeconfig leads there', async () => {
    const kubeconfig = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: { server: second.apiServerUrl, 'certificate-authority-data': second.caData } }],
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'c',
      users: [{ name: 'u', user: { token: await second.shippedToken() } }],
    });
    const providerId = await register('second-kubeconfig', { auth_method: 'kubeconfig', kubeconfig });
    expect(await buildOn(providerId)).toMatchObject(WHOLE);
  });

  it.each(['first', 'second'] as const)(
    'a pod of the %s one reaches it as the account that it runs under',
    async (name) => {
      const cluster = readCluster(name);
      await cluster.shippedToken();
      const found = JSON.parse(await runInPod(cluster, new URL('support/in-cluster-probe.ts', import.meta.url))) as {
        readonly server: string;
        readonly steps: readonly { readonly name: string; readonly status: string; readonly message: string }[];
      };
      expect(found.server).toMatch(/^https:\/\/10\.245\.[01]\.1:443$/);
      expect(found.steps.filter(({ status }) => status !== 'passed')).toEqual([]);
    },
  );
});
