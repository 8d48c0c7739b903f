import { generateKeyPairSync, verify } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeKubeApiServer } from '@image-factory/test-support';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  closedPort,
  CloudStub,
  type CloudTask,
  CloudProcesses,
  type StubAnswer,
  type StubRequest,
} from './cloud-support.ts';

const CLUSTER_PATH = '/v1/projects/factory-1/locations/europe-west1/clusters/prod';
const ACCOUNT = 'builder@factory-1.iam.gserviceaccount.com';
const { privateKey, publicKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});
const KEY = JSON.stringify({
  type: 'service_account',
  project_id: 'factory-1',
  private_key_id: 'k1',
  private_key: privateKey,
  client_email: ACCOUNT,
  token_uri: 'https://attacker.example/token',
});
const TOKENS = {
  key: 'ya29.key-canary',
  metadata: 'ya29.metadata-canary',
  federated: 'ya29.federated-canary',
  impersonated: 'ya29.impersonated-canary',
};
const SUBJECT_TOKEN = 'subject-token-canary';
const SECRETS = [...Object.values(TOKENS), SUBJECT_TOKEN, privateKey.split('\n')[1] ?? 'none', 'assertion='];

let server: FakeKubeApiServer;
let stub: CloudStub;
const processes = new CloudProcesses(SECRETS);
let directory: string;
let overrides: Record<string, (request: StubRequest) => StubAnswer>;

beforeAll(async () => {
  server = await FakeKubeApiServer.start();
  stub = await CloudStub.start();
  directory = await mkdtemp(join(tmpdir(), 'cloud-gcp-'));
  server.tokens.clear();
  for (const [who, token] of Object.entries(TOKENS)) server.tokens.set(token, who);
  stub.answer = (request) => (overrides[request.path] ?? ROUTES[request.path])?.(request);
});

beforeEach(() => {
  overrides = {};
  server.requests.length = 0;
  stub.requests.length = 0;
});

afterAll(async () => {
  await processes.close();
  await server.close();
  await stub.close();
  await rm(directory, { recursive: true, force: true });
});

/** As `projects.locations.clusters.get` of the GKE API answers. */
function cluster(more: object = {}): object {
  return {
    name: 'prod',
    status: 'RUNNING',
    currentMasterVersion: '1.34.1-gke.100',
    endpoint: `127.0.0.1:${server.port}`,
    masterAuth: { clusterCaCertificate: Buffer.from(server.ca).toString('base64') },
    controlPlaneEndpointsConfig: {
      dnsEndpointConfig: { endpoint: `127.0.0.1:${server.port}`, allowExternalTraffic: true },
      ipEndpointsConfig: { enabled: true, enablePublicEndpoint: true },
    },
    ...more,
  };
}

/** RFC 7523: the assertion is checked with the public key, and for whom it is. */
function keyToken(request: StubRequest): StubAnswer {
  const form = new URLSearchParams(request.body);
  const [head = '', body = '', signature = ''] = (form.get('assertion') ?? '').split('.');
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, unknown>;
  const signed = verify('RSA-SHA256', Buffer.from(`${head}.${body}`), publicKey, Buffer.from(signature, 'base64url'));
  const right =
    signed &&
    claims['iss'] === ACCOUNT &&
    claims['aud'] === 'https://oauth2.googleapis.com/token' &&
    claims['scope'] === 'https://www.googleapis.com/auth/cloud-platform';
  if (!right) return { status: 400, body: { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' } };
  return { body: { access_token: TOKENS.key, expires_in: 3599, token_type: 'Bearer' } };
}

const flavor = { 'metadata-flavor': 'Google' };
const ROUTES: Readonly<Record<string, (request: StubRequest) => StubAnswer>> = {
  '/token': keyToken,
  [CLUSTER_PATH]: () => ({ body: cluster() }),
  '/computeMetadata/v1/instance': () => ({ headers: flavor, body: {} }),
  '/computeMetadata/v1/project/project-id': () => ({ headers: flavor, body: 'factory-1' }),
  '/computeMetadata/v1/universe/universe-domain': () => ({ headers: flavor, body: 'googleapis.com' }),
  '/computeMetadata/v1/instance/service-accounts/default/token': () => ({
    headers: flavor,
    body: { access_token: TOKENS.metadata, expires_in: 3599, token_type: 'Bearer' },
  }),
  '/v1/token': (request) => {
    const form = new URLSearchParams(request.body);
    if (form.get('subject_token') !== SUBJECT_TOKEN) return { status: 400, body: { error: 'invalid_request' } };
    const issued = 'urn:ietf:params:oauth:token-type:access_token';
    return {
      body: { access_token: TOKENS.federated, expires_in: 3599, token_type: 'Bearer', issued_token_type: issued },
    };
  },
  [`/v1/projects/-/serviceAccounts/${encodeURIComponent(ACCOUNT)}:generateAccessToken`]: () => ({
    body: { accessToken: TOKENS.impersonated, expireTime: new Date(Date.now() + 3_600_000).toISOString() },
  }),
};

const metadata = (): Record<string, string> => ({
  GCE_METADATA_HOST: `127.0.0.1:${stub.port}`,
  METADATA_SERVER_DETECTION: 'assume-present',
});

async function federation(): Promise<Record<string, string>> {
  await writeFile(join(directory, 'subject'), SUBJECT_TOKEN);
  const credential = {
    type: 'external_account',
    audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: 'https://sts.googleapis.com/v1/token',
    credential_source: { file: join(directory, 'subject') },
  };
  await writeFile(join(directory, 'credential.json'), JSON.stringify(credential));
  return { GOOGLE_APPLICATION_CREDENTIALS: join(directory, 'credential.json') };
}

function run(
  fields: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>> = {},
  more: Partial<CloudTask> = {},
) {
  const apis = ['container', 'oauth2', 'iamcredentials', 'sts'].map((api) => [
    `https://${api}.googleapis.com`,
    stub.url,
  ]);
  const own = {
    auth_method: 'gke-workload-identity',
    project_id: 'factory-1',
    location: 'europe-west1',
    cluster_name: 'prod',
  };
  const task = {
    type: 'gcp-gke',
    fields: { ...own, ...fields },
    redirects: Object.fromEntries(apis) as Record<string, string>,
  };
  return processes.do({ ...task, ...more }, env);
}

const users = () => server.requests.map((request) => request.user);

describe('a GKE cluster', () => {
  it('is entered by a service account key, at Google and nowhere that the key names, with one token for all', async () => {
    expect(await run({ service_account_key: KEY }, {}, { connections: 2, requests: 3 })).toMatchObject({
      connections: 2,
    });
    expect(users()).toEqual(Array(6).fill('key'));
    expect(stub.seen('/token')).toHaveLength(1);
    expect(stub.seen(CLUSTER_PATH)).toHaveLength(1);
    expect(stub.seen(CLUSTER_PATH)[0]?.headers.authorization).toBe(`Bearer ${TOKENS.key}`);
  });

  it('is entered by the metadata server', async () => {
    await run({}, metadata());
    expect(users()).toEqual(['metadata']);
  });

  it('is entered by workload identity federation', async () => {
    expect((await run({}, await federation())).error).toBeUndefined();
    expect(users()).toEqual(['federated']);
    expect(new URLSearchParams(stub.seen('/v1/token')[0]?.body).get('grant_type')).toBe(
      'urn:ietf:params:oauth:grant-type:token-exchange',
    );
  });

  it('is entered as an impersonated service account', async () => {
    await run({ service_account: ACCOUNT }, metadata());
    expect(users()).toEqual(['impersonated']);
    const asked = stub.seen(/generateAccessToken$/)[0];
    expect(asked?.headers.authorization).toBe(`Bearer ${TOKENS.metadata}`);
    expect(JSON.parse(asked?.body ?? '')).toMatchObject({ lifetime: '3600s' });
  });

  it('is entered by its DNS endpoint, whose certificate the public roots must know', async () => {
    await writeFile(join(directory, 'roots.pem'), server.ca);
    const fields = { service_account_key: KEY, endpoint_kind: 'dns' };
    await run(fields, { NODE_EXTRA_CA_CERTS: join(directory, 'roots.pem') });
    expect(users()).toEqual(['key']);
    expect((await run(fields)).error).toMatchObject({ reason: 'ClusterTlsFailed' });
  });
});

describe('a refusal of Google', () => {
  const apiError = (status: number, code: string, details: object[] = []): StubAnswer => ({
    status,
    body: { error: { code: status, status: code, message: `refused for ${TOKENS.key}`, details } },
  });
  const REFUSALS: readonly (readonly [string, string, StubAnswer, object, RegExp])[] = [
    [
      'a key that was deleted',
      '/token',
      { status: 400, body: { error: 'invalid_grant', error_description: `no ${TOKENS.key}` } },
      { reason: 'CloudCredentialExpired', fault: 'platform' },
      /renew it \(a deleted key, an expired session\)/,
    ],
    [
      'an identity that may not read the cluster',
      CLUSTER_PATH,
      apiError(403, 'PERMISSION_DENIED'),
      { reason: 'CloudAccessDenied', fault: 'user' },
      /roles\/container\.clusterViewer/,
    ],
    [
      'an API that is disabled',
      CLUSTER_PATH,
      apiError(403, 'PERMISSION_DENIED', [{ reason: 'SERVICE_DISABLED' }]),
      { reason: 'CloudAccessDenied' },
      /the API is disabled in the project; enable it/,
    ],
    [
      'an expired session',
      CLUSTER_PATH,
      apiError(401, 'UNAUTHENTICATED'),
      { reason: 'CloudCredentialExpired' },
      /renew the credential/,
    ],
    [
      'throttling',
      CLUSTER_PATH,
      { ...apiError(429, 'RESOURCE_EXHAUSTED'), headers: { 'retry-after': '7' } },
      { reason: 'CloudThrottled', fault: 'cluster', retryable: true },
      /throttled/,
    ],
    [
      'a cluster that is not there',
      CLUSTER_PATH,
      apiError(404, 'NOT_FOUND'),
      { reason: 'CloudClusterNotFound', fault: 'user' },
      /check project_id, location and cluster_name/,
    ],
    ['an outage', CLUSTER_PATH, apiError(503, 'UNAVAILABLE'), { reason: 'CloudUnavailable', retryable: true }, /again/],
    [
      'a redirect',
      CLUSTER_PATH,
      { status: 302, headers: { location: 'http://169.254.169.254/' }, body: '' },
      { reason: 'CloudUnavailable' },
      /again/,
    ],
  ];

  it.each(REFUSALS)('has a reason, a fault and a cure: %s', async (_name, path, answer, expected, cure) => {
    overrides[path] = () => answer;
    const { error } = await run({ service_account_key: KEY });
    expect(error).toMatchObject({ ...expected, outcome: 'notSent' });
    expect(error?.message).toMatch(/^GKE cluster prod in factory-1\/europe-west1: /);
    expect(error?.message).toMatch(cure);
    expect(server.requests).toHaveLength(0);
  });

  it('says so when a service account may not be impersonated', async () => {
    overrides[`/v1/projects/-/serviceAccounts/${encodeURIComponent(ACCOUNT)}:generateAccessToken`] = () =>
      apiError(403, 'PERMISSION_DENIED');
    const { error } = await run({ service_account: ACCOUNT, service_account_key: KEY });
    expect(error).toMatchObject({ reason: 'CloudAccessDenied' });
    expect(error?.message).toContain('roles/iam.serviceAccountTokenCreator');
  });

  it.each([
    ['is being made', { status: 'PROVISIONING' }, { reason: 'CloudClusterNotActive' }, /PROVISIONING, not RUNNING/],
    [
      'has no IP endpoint',
      { controlPlaneEndpointsConfig: { ipEndpointsConfig: { enabled: false } } },
      { reason: 'ProviderConfigInvalid' },
      /set endpoint_kind to dns/,
    ],
  ])('says so when the cluster %s', async (_name, more, expected, cure) => {
    overrides[CLUSTER_PATH] = () => ({ body: cluster(more) });
    const { error } = await run({ service_account_key: KEY });
    expect(error).toMatchObject(expected);
    expect(error?.message).toMatch(cure);
  });

  it('says so when the endpoint is private and not reached', async () => {
    const endpoint = `127.0.0.1:${await closedPort()}`;
    overrides[CLUSTER_PATH] = () => ({
      body: cluster({ endpoint, privateClusterConfig: { enablePrivateEndpoint: true } }),
    });
    const { error } = await run({ service_account_key: KEY });
    expect(error).toMatchObject({ reason: 'ClusterEndpointPrivate', fault: 'cluster' });
    expect(error?.message).toMatch(/run the dispatcher inside its network, or set endpoint_kind to dns/);
  });

  it('says so when its host is in another universe, before a token is asked for', async () => {
    overrides['/computeMetadata/v1/universe/universe-domain'] = () => ({ headers: flavor, body: 'apis.other.example' });
    const { error } = await run({}, metadata());
    expect(error).toMatchObject({ reason: 'CloudCredentialMissing', message: expect.stringContaining('universe') });
    expect(stub.seen(/default\/token$/)).toEqual([]);
    expect(stub.seen(CLUSTER_PATH)).toEqual([]);
    overrides['/computeMetadata/v1/universe/universe-domain'] = () => ({ status: 404, headers: flavor, body: {} });
    await run({}, metadata());
    expect(users()).toEqual(['metadata']);
  });

  it('says so when the process has no identity', async () => {
    const { error } = await run({}, { METADATA_SERVER_DETECTION: 'none' });
    expect(error).toMatchObject({ reason: 'CloudCredentialMissing', fault: 'platform' });
  });

  it('takes no credential of another kind from a config: it could name files, addresses and programs', async () => {
    const key = JSON.stringify({ type: 'external_account', credential_source: { executable: { command: 'id' } } });
    const { issues } = await run({ service_account_key: key });
    expect(issues).toEqual([
      {
        path: 'config.service_account_key',
        message: expect.stringContaining('must be of type service_account') as string,
      },
    ]);
  });
});
