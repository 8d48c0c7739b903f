import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { clusterFilePath, readCluster, type TestCluster } from './support/cluster.ts';
import { Platform, type TenantFixture } from './support/platform.ts';
import { type Json, until } from './support/rest-client.ts';

const PROVIDERS = '/admin/infrastructure/providers';
const ACCOUNT = '/api/v1/namespaces/image-factory-system';
const BINDINGS = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings';

let platform: Platform;
let second: TestCluster;
let tenant: TenantFixture;
let directory: string;

beforeAll(async () => {
  second = readCluster('second');
  directory = mkdtempSync(join(tmpdir(), 'image-factory-rotated-'));
  platform = await Platform.start({
    postgresUrl: inject('e2ePostgresUrl'),
    name: 'rotated-files',
    dispatchers: 1,
    environment: { IF_CREDENTIAL_DIRS: directory },
  });
  tenant = await platform.tenant('rotated');
  await second.shippedToken();
});
afterAll(async () => {
  await platform?.stop();
  rmSync(directory, { recursive: true, force: true });
});

const pem = (base64: string): string => Buffer.from(base64, 'base64').toString('utf8');
const at = (name: string): string => join(directory, name);

/** As a Secret's mount does: the file is whole at every moment. */
function replace(name: string, text: string): void {
  writeFileSync(`${at(name)}.new`, text, { mode: 0o600 });
  renameSync(`${at(name)}.new`, at(name));
}

async function register(name: string, access: Json): Promise<string> {
  const { id } = await platform.admin.ok<{ id: string }>('POST', PROVIDERS, {
    name,
    provider_type: 'kubernetes',
    is_global: true,
    config: { tekton_task_images: second.taskImages, insecure_registries: [second.registry.host], ...access },
  });
  return id;
}

/** A token that is good while a Secret of this name exists. */
async function tokenBoundTo(secret: string): Promise<string> {
  await second.kube('DELETE', `${ACCOUNT}/secrets/${secret}`);
  await second.kube('POST', `${ACCOUNT}/secrets`, { apiVersion: 'v1', kind: 'Secret', metadata: { name: secret } });
  const { body } = await second.kube('POST', `${ACCOUNT}/serviceaccounts/image-factory/token`, {
    spec: { expirationSeconds: 3600, boundObjectRef: { kind: 'Secret', apiVersion: 'v1', name: secret } },
  });
  return String(body.status?.['token']);
}

/** The API server remembers a token's review for some seconds. */
async function refused(token: string): Promise<void> {
  await until('the old token to be refused', 30_000, async () => {
    const { body } = await second.kube('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token },
    });
    return body.status?.['authenticated'] === true ? undefined : true;
  });
}

/** A certificate of the second cluster's own authority for a user of this name, with the rights of the shipped role. */
async function certificateOf(user: string, days: number): Promise<{ readonly crt: string; readonly key: string }> {
  const authority = join(dirname(clusterFilePath('second')), 'pki');
  const issuer = ['-CA', join(authority, 'ca.crt'), '-CAkey', join(authority, 'ca.key')];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at('made.key')];
  const subject = ['-subj', `/CN=${user}`, '-days', String(days), '-out', at('made.crt')];
  const usage = ['-addext', 'extendedKeyUsage=clientAuth', '-addext', 'basicConstraints=critical,CA:FALSE'];
  execFileSync('openssl', ['req', '-x509', ...issuer, ...key, ...subject, ...usage], { stdio: 'pipe' });
  await second.kube('POST', BINDINGS, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: user },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'image-factory' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
  });
  return { crt: readFileSync(at('made.crt'), 'utf8'), key: readFileSync(at('made.key'), 'utf8') };
}

/** A build for one provider; once its first step runs, something is done to the way there. */
async function buildOn(providerId: string, meanwhile: () => Promise<void>): Promise<Json> {
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
  const [gaps] = await platform.sql<{ gaps: number }>(
    `SELECT coalesce(sum(gaps), 0)::integer AS gaps FROM build_log_cursors c
       JOIN build_executions e ON e.id = c.execution_id WHERE e.build_id = $1`,
    [id],
  );
  return { ...build, gaps: gaps?.gaps };
}

const WHOLE = { status: 'completed', attempt: 1, gaps: 0 };

/** Another build finds the way by what the files say now. */
async function buildsAgain(providerId: string): Promise<void> {
  expect(await buildOn(providerId, async () => undefined)).toMatchObject(WHOLE);
}

describe('a credential that is rotated on the disk under a running build', () => {
  it('as a token’s file disturbs nothing', async () => {
    const old = await tokenBoundTo('file-token-1');
    replace('token', old);
    const providerId = await register('by-token-file', {
      auth_method: 'token',
      endpoint: second.apiServerUrl,
      ca_cert: pem(second.caData),
      token_path: at('token'),
    });
    const build = await buildOn(providerId, async () => {
      replace('token', await tokenBoundTo('file-token-2'));
      await second.kube('DELETE', `${ACCOUNT}/secrets/file-token-1`);
    });
    expect(build).toMatchObject(WHOLE);
    await refused(old);
    await buildsAgain(providerId);
    await second.kube('DELETE', `${ACCOUNT}/secrets/file-token-2`);
  });

  it('as a kubeconfig disturbs nothing', async () => {
    const kubeconfig = (token: string): string =>
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [
          { name: 'c', cluster: { server: second.apiServerUrl, 'certificate-authority-data': second.caData } },
        ],
        contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
        'current-context': 'c',
        users: [{ name: 'u', user: { token } }],
      });
    const old = await tokenBoundTo('kubeconfig-token-1');
    replace('kubeconfig', kubeconfig(old));
    const providerId = await register('by-kubeconfig-file', {
      auth_method: 'kubeconfig',
      kubeconfig_path: at('kubeconfig'),
    });
    const build = await buildOn(providerId, async () => {
      replace('kubeconfig', kubeconfig(await tokenBoundTo('kubeconfig-token-2')));
      await second.kube('DELETE', `${ACCOUNT}/secrets/kubeconfig-token-1`);
    });
    expect(build).toMatchObject(WHOLE);
    await refused(old);
    await buildsAgain(providerId);
    await second.kube('DELETE', `${ACCOUNT}/secrets/kubeconfig-token-2`);
  });

  it('as certificate and key disturbs nothing', async () => {
    const pair = async (user: string, days: number): Promise<void> => {
      const { crt, key } = await certificateOf(user, days);
      replace('client.key', key);
      replace('client.crt', crt);
    };
    await pair('rotated-file-1', 30);
    const providerId = await register('by-certificate-file', {
      auth_method: 'client-cert',
      endpoint: second.apiServerUrl,
      ca_cert: pem(second.caData),
      cert_path: at('client.crt'),
      key_path: at('client.key'),
    });
    const endOf = async () => {
      const { credential } = await platform.admin.ok<{ credential: Json }>('GET', `${PROVIDERS}/${providerId}`);
      return Date.parse(String(credential['expires_at']));
    };
    await until('its end to be known', 30_000, async () => ((await endOf()) > 0 ? true : undefined));
    const before = await endOf();
    const build = await buildOn(providerId, () => pair('rotated-file-2', 60));
    expect(build).toMatchObject(WHOLE);
    await until('the new certificate to be in use', 30_000, async () => ((await endOf()) > before ? true : undefined));
    // The old one’s user may nothing any more: whoever still came with it would be refused.
    await second.kube('DELETE', `${BINDINGS}/rotated-file-1`);
    await buildsAgain(providerId);
    await second.kube('DELETE', `${BINDINGS}/rotated-file-2`);
  });
});
