import { X509Certificate } from 'node:crypto';
import { API_BASE } from '@image-factory/api';
import { FAKE_CLIENT_CERTIFICATE, FAKE_CLIENT_KEY, FakeKubeApiServer } from '@image-factory/test-support';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, ApiHarness } from './api-support.ts';
import { CloudStub } from './cloud-support.ts';

const PROVIDERS = `${API_BASE}/admin/infrastructure/providers`;
const GUID = '00000000-1111-2222-3333-444444444444';
const EKS = {
  auth_method: 'eks-iam',
  cluster_name: 'prod',
  region: 'us-east-1',
  access_key_id: 'AKIAIOSFODNN7EXAMPLE',
  secret_access_key: 'secret-access-key-canary-0123456789',
};
const AKS = {
  auth_method: 'aks-managed-identity',
  subscription_id: GUID,
  resource_group: 'factory',
  cluster_name: 'prod',
  client_id: GUID,
  tenant_id: GUID,
  client_secret: 'client-secret-canary',
};

describe('providers of clouds', () => {
  let harness: ApiHarness;
  let cluster: FakeKubeApiServer;
  let stub: CloudStub;

  beforeAll(async () => {
    cluster = await FakeKubeApiServer.start();
    stub = await CloudStub.start();
    // What the AWS library reads; this file has a process of its own.
    process.env['AWS_ENDPOINT_URL_EKS'] = stub.url;
    process.env['AWS_ENDPOINT_URL_STS'] = stub.url;
    harness = await ApiHarness.start({ egressAllow: ['127.0.0.1'] });
  });
  afterAll(async () => {
    await harness.stop();
    await cluster.close();
    await stub.close();
  });

  const SKIPPED = ['describe', 'token', 'resolve', 'tcp', 'tls', 'authenticate', 'version', 'permissions'].map(
    (name) => `${name} skipped`,
  );
  const ended = ({ body }: Answer): string[] =>
    body.steps.map(({ name, status }: { name: string; status: string }) => `${name} ${status}`);

  let count = 0;
  const create = (config: Record<string, unknown>, type: string): Promise<Answer> =>
    harness.call('POST', PROVIDERS, { body: { name: `cloud ${(count += 1)}`, provider_type: type, config } });

  it.each([
    ['aws-eks', EKS, 'secret_access_key'],
    ['azure-aks', AKS, 'client_secret'],
  ] as const)(
    'of %s are made without asking the cloud; their secret is sealed and never shown',
    async (type, config, secret) => {
      const before = stub.requests.length;
      const answer = await create(config, type);
      expect(answer.status).toBe(201);
      expect(stub.requests).toHaveLength(before);
      expect(answer.body.credential).toMatchObject({ auth_method: config.auth_method, version: 1, expires_at: null });
      expect(answer.body.credential.fingerprint).toEqual(expect.any(String));
      expect(answer.body.config).not.toHaveProperty(secret);
      const { rows } = await harness.sql.query(
        'SELECT settings::text, credential_sealed FROM providers WHERE id = $1',
        [answer.body.id],
      );
      const texts = [
        answer.text,
        (await harness.call('GET', PROVIDERS)).text,
        rows[0].settings,
        String(rows[0].credential_sealed),
      ];
      for (const text of texts) expect(text).not.toContain('canary');
    },
  );

  it('keep the secret that a PATCH leaves out, and lose it with its method', async () => {
    const { body } = await create(EKS, 'aws-eks');
    const path = `${PROVIDERS}/${body.id}`;
    const kept = await harness.call('PATCH', path, { body: { config: { region: 'eu-west-1' } } });
    expect(kept.body).toMatchObject({ generation: 2, credential: { version: 1 }, config: { region: 'eu-west-1' } });
    const token = { auth_method: 'token', endpoint: cluster.url, token: 'fake-token', ca_cert: cluster.ca };
    const changed = await harness.call('PATCH', path, { body: { config: token } });
    expect(changed.status).toBe(200);
    expect(Object.keys(changed.body.config).sort()).toEqual(['auth_method', 'ca_cert', 'endpoint']);
    expect(changed.body.credential).toMatchObject({ auth_method: 'token', version: 2 });
  });

  it('get every wrong field at once, none of their values, and the wrong cloud', async () => {
    const wrong = {
      ...EKS,
      region: 'canary',
      cluster_name: 'a/b',
      role_arn: 'canary',
      token: 'canary',
      endpoint_kind: 'ip',
    };
    const answer = await create(wrong, 'gcp-gke');
    expect(answer.status).toBe(400);
    expect(answer.body.errors.map((error: { path: string }) => error.path).sort()).toEqual(
      ['auth_method', 'cluster_name', 'endpoint_kind', 'region', 'role_arn', 'token'].map((name) => `config.${name}`),
    );
    expect(answer.text).not.toContain('canary');
  });

  it.each([
    ['endpoint', { ...EKS, endpoint: 'https://169.254.169.254' }],
    ['proxy_url', { ...EKS, proxy_url: 'http://169.254.169.254:80' }],
    ['proxy_url', { ...EKS, proxy_url: 'http://metadata.google.internal' }],
  ])('are refused with a %s that the egress rules forbid', async (field, config) => {
    const answer = await create(config, 'aws-eks');
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ path: `config.${field}` }] } });
  });

  it('say in a connection test why their cloud gives no way in, without a try for each test', async () => {
    const { body } = await create(EKS, 'aws-eks');
    stub.answer = () => ({
      status: 403,
      headers: { 'x-amzn-errortype': 'AccessDeniedException' },
      body: { message: `no ${EKS.secret_access_key}` },
    });
    const before = stub.requests.length;
    for (let round = 0; round < 5; round += 1) {
      const test = await harness.call('POST', `${PROVIDERS}/${body.id}/test-connection`);
      expect(test.status).toBe(200);
      expect(test.body.passed).toBe(false);
      expect(ended(test)).toEqual(['identity passed', 'describe failed', ...SKIPPED.slice(1)]);
      expect(test.body.steps[1]).toMatchObject({
        reason: 'CloudAccessDenied',
        fix: expect.stringContaining('right to read the cluster'),
        duration_ms: expect.any(Number),
      });
      expect(test.text).toContain('eks:DescribeCluster');
      expect(test.text).not.toContain('canary');
    }
    expect(stub.requests.length - before).toBe(1);
  });

  it('say that a role is not theirs to take, or that a cluster is there and its API server is not', async () => {
    const role_arn = 'arn:aws:iam::123456789012:role/builder';
    const { body } = await create({ ...EKS, role_arn }, 'aws-eks');
    stub.answer = () => ({
      status: 403,
      body: '<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>',
    });
    const denied = await harness.call('POST', `${PROVIDERS}/${body.id}/test-connection`);
    expect(ended(denied)).toEqual(['identity failed', ...SKIPPED]);
    expect(denied.body.steps[0]).toMatchObject({
      reason: 'CloudAccessDenied',
      message: expect.stringContaining('assuming the role'),
      fix: expect.stringContaining('trust the identity of this process'),
    });
    const data = Buffer.from(cluster.ca).toString('base64');
    const endpoint = 'https://127.0.0.1:1';
    stub.answer = () => ({ body: { cluster: { status: 'ACTIVE', endpoint, certificateAuthority: { data } } } });
    const { body: other } = await create({ ...EKS, cluster_name: 'away' }, 'aws-eks');
    const away = await harness.call('POST', `${PROVIDERS}/${other.id}/test-connection`);
    expect(ended(away).slice(0, 6)).toEqual([
      'identity passed',
      'describe passed',
      'token passed',
      'resolve passed',
      'tcp failed',
      'tls skipped',
    ]);
  });

  it('whose stored config is wrong fail a connection test at its first step', async () => {
    const { body } = await create(AKS, 'azure-aks');
    await harness.sql.query(
      `UPDATE providers SET settings = settings || '{"azure_cloud": "AzureMoon"}' WHERE id = $1`,
      [body.id],
    );
    const test = await harness.call('POST', `${PROVIDERS}/${body.id}/test-connection`);
    expect(ended(test)).toEqual(['identity failed', ...SKIPPED]);
    expect(test.body.steps[0]).toMatchObject({ reason: 'ProviderConfigInvalid' });
  });

  it('by a client certificate show when it ends', async () => {
    const config = {
      auth_method: 'client-cert',
      endpoint: cluster.url,
      ca_cert: cluster.ca,
      client_cert: FAKE_CLIENT_CERTIFICATE,
      client_key: FAKE_CLIENT_KEY,
    };
    const answer = await create(config, 'kubernetes');
    const end = new X509Certificate(FAKE_CLIENT_CERTIFICATE).validToDate;
    expect(new Date(answer.body.credential.expires_at)).toEqual(end);
    const path = `${PROVIDERS}/${answer.body.id}`;
    const token = { auth_method: 'token', token: 'fake-token' };
    expect((await harness.call('PATCH', path, { body: { config: token } })).body.credential.expires_at).toBeNull();
  });
});
