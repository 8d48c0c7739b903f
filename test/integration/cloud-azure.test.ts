import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FAKE_CLIENT_CERTIFICATE, FAKE_CLIENT_KEY, FakeKubeApiServer } from '@image-factory/test-support';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import {
  closedPort,
  CloudStub,
  CloudProcesses,
  type CloudTask,
  type StubAnswer,
  type StubRequest,
} from './cloud-support.ts';

const SUBSCRIPTION = '00000000-1111-2222-3333-444444444444';
const TENANT = '55555555-6666-7777-8888-999999999999';
const CLIENT = 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee';
const CLUSTER_PATH = `/subscriptions/${SUBSCRIPTION}/resourceGroups/factory/providers/Microsoft.ContainerService/managedClusters/prod`;
const CREDENTIAL_PATH = `${CLUSTER_PATH}/listClusterUserCredential`;
const TOKEN_PATH = `/${TENANT}/oauth2/v2.0/token`;
const SERVER_APPLICATION = '6dae42f8-4368-4678-94ff-3960e28e3630';
const CLIENT_SECRET = 'client-secret-canary';
const ASSERTION = 'federated-assertion-canary';
const TOKENS = { arm: 'eyJ.arm-canary', cluster: 'eyJ.cluster-canary', local: 'local-account-canary' };
const SECRETS = [...Object.values(TOKENS), CLIENT_SECRET, ASSERTION, FAKE_CLIENT_KEY.split('\n')[1] ?? 'none'];
const FIELDS = {
  auth_method: 'aks-managed-identity',
  subscription_id: SUBSCRIPTION,
  resource_group: 'factory',
  cluster_name: 'prod',
};
const BY_SECRET = { client_id: CLIENT, tenant_id: TENANT, client_secret: CLIENT_SECRET };

let server: FakeKubeApiServer;
let stub: CloudStub;
const processes = new CloudProcesses(SECRETS);
let directory: string;
let overrides: Record<string, (request: StubRequest) => StubAnswer>;
let user: object;

beforeAll(async () => {
  server = await FakeKubeApiServer.start();
  stub = await CloudStub.start();
  directory = await mkdtemp(join(tmpdir(), 'cloud-azure-'));
  server.tokens.clear();
  server.tokens.set(TOKENS.cluster, 'entra-user');
  server.tokens.set(TOKENS.local, 'local-user');
  stub.answer = (request) => (overrides[request.path] ?? ROUTES[request.path])?.(request);
});

beforeEach(() => {
  overrides = {};
  user = { exec: { apiVersion: 'client.authentication.k8s.io/v1beta1', command: 'kubelogin', args: ['get-token'] } };
  server.requests.length = 0;
  stub.requests.length = 0;
});

afterAll(async () => {
  await processes.close();
  await server.close();
  await stub.close();
  await rm(directory, { recursive: true, force: true });
});

/** As ARM answers for a managed cluster. */
function cluster(properties: object = {}): object {
  const own = {
    provisioningState: 'Succeeded',
    powerState: { code: 'Running' },
    aadProfile: { managed: true, enableAzureRBAC: true },
    apiServerAccessProfile: { enablePrivateCluster: false },
  };
  return { id: CLUSTER_PATH, name: 'prod', location: 'westeurope', properties: { ...own, ...properties } };
}

function kubeconfig(url = server.url): object {
  const text = stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'prod',
    clusters: [
      {
        name: 'prod',
        cluster: { server: url, 'certificate-authority-data': Buffer.from(server.ca).toString('base64') },
      },
    ],
    contexts: [{ name: 'prod', context: { cluster: 'prod', user: 'clusterUser_factory_prod' } }],
    users: [{ name: 'clusterUser_factory_prod', user }],
  });
  return { kubeconfigs: [{ name: 'clusterUser', value: Buffer.from(text).toString('base64') }] };
}

const tokenFor = (resource: string): string => (resource.includes(SERVER_APPLICATION) ? TOKENS.cluster : TOKENS.arm);

/** OAuth 2.0 client credentials, by secret or by a federated assertion. */
function entraToken(request: StubRequest): StubAnswer {
  const form = new URLSearchParams(request.body);
  const proven = form.get('client_secret') === CLIENT_SECRET || form.get('client_assertion') === ASSERTION;
  if (!proven || form.get('client_id') !== CLIENT) return entraError(401, 'invalid_client', 7000215);
  return { body: { token_type: 'Bearer', expires_in: 3599, access_token: tokenFor(form.get('scope') ?? '') } };
}

function entraError(status: number, error: string, code: number): StubAnswer {
  const error_description = `AADSTS${code}: refused for ${CLIENT_SECRET}. Trace ID: t`;
  return { status, body: { error, error_description, error_codes: [code], correlation_id: 'c', trace_id: 't' } };
}

const authority = 'https://login.microsoftonline.com';
const ROUTES: Readonly<Record<string, (request: StubRequest) => StubAnswer>> = {
  [CLUSTER_PATH]: () => ({ body: cluster() }),
  [CREDENTIAL_PATH]: () => ({ body: kubeconfig() }),
  [TOKEN_PATH]: entraToken,
  [`/${TENANT}/v2.0/.well-known/openid-configuration`]: () => ({
    body: {
      issuer: `${authority}/${TENANT}/v2.0`,
      authorization_endpoint: `${authority}/${TENANT}/oauth2/v2.0/authorize`,
      token_endpoint: `${authority}/${TENANT}/oauth2/v2.0/token`,
      jwks_uri: `${authority}/${TENANT}/discovery/v2.0/keys`,
    },
  }),
  '/common/discovery/instance': () => ({
    body: {
      tenant_discovery_endpoint: `${authority}/${TENANT}/v2.0/.well-known/openid-configuration`,
      metadata: [
        {
          preferred_network: 'login.microsoftonline.com',
          preferred_cache: 'login.windows.net',
          aliases: ['login.microsoftonline.com'],
        },
      ],
    },
  }),
  '/msi/token': (request) => ({
    body: {
      access_token: tokenFor(request.query.get('resource') ?? ''),
      expires_on: String(Math.floor(Date.now() / 1000) + 3_600),
      resource: request.query.get('resource'),
      token_type: 'Bearer',
    },
  }),
  '/metadata/identity/oauth2/token/': (request) => ROUTES['/msi/token']!(request),
  '/metadata/identity/oauth2/token': (request) => ROUTES['/msi/token']!(request),
};

function run(
  fields: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>> = {},
  more: Partial<CloudTask> = {},
) {
  const redirects = { [authority]: stub.url, 'https://management.azure.com': stub.url };
  return processes.do({ type: 'azure-aks', fields: { ...FIELDS, ...fields }, redirects, ...more }, env);
}

const users = () => server.requests.map((request) => request.user);

describe('an AKS cluster', () => {
  it('is entered by a client secret, described once and minted once for two connections', async () => {
    expect(await run(BY_SECRET, {}, { connections: 2, requests: 3 })).toMatchObject({ connections: 2 });
    expect(users()).toEqual(Array(6).fill('entra-user'));
    expect(stub.seen(TOKEN_PATH).map((request) => new URLSearchParams(request.body).get('scope'))).toEqual([
      expect.stringContaining('https://management.azure.com/.default'),
      expect.stringContaining(`${SERVER_APPLICATION}/.default`),
    ]);
    expect(stub.seen(CREDENTIAL_PATH)).toMatchObject([{ method: 'POST' }]);
    expect(stub.seen(CREDENTIAL_PATH)[0]?.headers.authorization).toBe(`Bearer ${TOKENS.arm}`);
  });

  it('in a cloud of its own is found at its resource manager, with a token for that', async () => {
    const redirects = {
      'https://login.microsoftonline.us': stub.url,
      'https://management.usgovcloudapi.net': stub.url,
    };
    const here = { [authority]: stub.url, ...redirects };
    await run({ ...BY_SECRET, azure_cloud: 'AzureUSGovernment' }, {}, { redirects: here });
    expect(users()).toEqual(['entra-user']);
    const scopes = stub.seen(TOKEN_PATH).map((request) => new URLSearchParams(request.body).get('scope'));
    expect(scopes[0]).toContain('https://management.usgovcloudapi.net/.default');
    const { issues } = await run({ ...BY_SECRET, azure_cloud: 'AzureGermany' });
    expect(issues).toMatchObject([{ path: 'config.azure_cloud' }]);
  });

  it('is entered by the workload identity of the process', async () => {
    await writeFile(join(directory, 'assertion'), ASSERTION);
    await run(
      { client_id: CLIENT },
      { AZURE_TENANT_ID: TENANT, AZURE_FEDERATED_TOKEN_FILE: join(directory, 'assertion') },
    );
    expect(users()).toEqual(['entra-user']);
    expect(new URLSearchParams(stub.seen(TOKEN_PATH)[0]?.body).get('client_assertion')).toBe(ASSERTION);
  });

  it('is entered by the client that the environment of the process names', async () => {
    await run({}, { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, AZURE_CLIENT_SECRET: CLIENT_SECRET });
    expect(users()).toEqual(['entra-user']);
    expect(new URLSearchParams(stub.seen(TOKEN_PATH)[0]?.body).get('client_secret')).toBe(CLIENT_SECRET);
  });

  it('is entered by a managed identity of an app service, named by its client id', async () => {
    await run({ client_id: CLIENT }, { IDENTITY_ENDPOINT: `${stub.url}/msi/token`, IDENTITY_HEADER: 'header-x' });
    expect(users()).toEqual(['entra-user']);
    expect(stub.seen('/msi/token')[0]?.headers['x-identity-header']).toBe('header-x');
    expect(stub.seen('/msi/token')[0]?.query.get('client_id')).toBe(CLIENT);
  });

  it('is entered by a managed identity of a machine', async () => {
    await run({ client_id: CLIENT }, { AZURE_POD_IDENTITY_AUTHORITY_HOST: stub.url });
    expect(users()).toEqual(['entra-user']);
    expect(stub.seen(/^\/metadata\/identity/)[0]?.headers.metadata).toMatch(/true/i);
  });

  it('without Entra is entered by the certificate of its local account, which goes before the token', async () => {
    overrides[CLUSTER_PATH] = () => ({ body: cluster({ aadProfile: null }) });
    user = {
      'client-certificate-data': Buffer.from(FAKE_CLIENT_CERTIFICATE).toString('base64'),
      'client-key-data': Buffer.from(FAKE_CLIENT_KEY).toString('base64'),
      token: TOKENS.local,
    };
    await run(BY_SECRET);
    expect(users()).toEqual(['fake-client-1']);
    user = { token: TOKENS.local };
    await run(BY_SECRET);
    expect(users()).toEqual(['fake-client-1', 'local-user']);
  });
});

describe('a refusal of Azure', () => {
  const armError = (status: number, code: string, headers: Record<string, string> = {}): StubAnswer => ({
    status,
    headers,
    body: { error: { code, message: `refused for ${TOKENS.arm}` } },
  });
  const REFUSALS: readonly (readonly [string, string, StubAnswer, object, RegExp])[] = [
    [
      'a client secret that has expired',
      TOKEN_PATH,
      entraError(401, 'invalid_client', 7000222),
      { reason: 'CloudCredentialExpired', fault: 'platform', retryable: false },
      /make a new client secret.*AADSTS7000222/,
    ],
    [
      'a wrong client secret',
      TOKEN_PATH,
      entraError(401, 'invalid_client', 7000215),
      { reason: 'CloudAccessDenied', fault: 'user' },
      /check tenant_id, client_id and client_secret/,
    ],
    [
      'an identity without the role',
      CREDENTIAL_PATH,
      armError(403, 'AuthorizationFailed'),
      { reason: 'CloudAccessDenied', fault: 'user' },
      /Azure Kubernetes Service Cluster User Role/,
    ],
    [
      'an expired session',
      CLUSTER_PATH,
      armError(401, 'ExpiredAuthenticationToken'),
      { reason: 'CloudCredentialExpired' },
      /renew its credential/,
    ],
    [
      'throttling',
      CLUSTER_PATH,
      armError(429, 'TooManyRequests', { 'retry-after': '9' }),
      { reason: 'CloudThrottled', fault: 'cluster', retryable: true },
      /throttled by Azure/,
    ],
    [
      'a cluster that is not there',
      CLUSTER_PATH,
      armError(404, 'ResourceNotFound'),
      { reason: 'CloudClusterNotFound', fault: 'user' },
      /check subscription_id, resource_group and cluster_name/,
    ],
    [
      'a cluster that is stopped',
      CLUSTER_PATH,
      { body: { properties: { provisioningState: 'Succeeded', powerState: { code: 'Stopped' } } } },
      { reason: 'CloudClusterNotActive', fault: 'cluster', retryable: true },
      /is Stopped, not Running; start it/,
    ],
    ['an outage', CLUSTER_PATH, armError(503, 'ServerBusy'), { reason: 'CloudUnavailable', retryable: true }, /again/],
  ];

  it.each(REFUSALS)('has a reason, a fault and a cure: %s', async (_name, path, answer, expected, cure) => {
    overrides[path] = () => answer;
    const { error } = await run(BY_SECRET);
    expect(error).toMatchObject({ ...expected, outcome: 'notSent' });
    expect(error?.message).toMatch(/^AKS cluster prod in factory: /);
    expect(error?.message).toMatch(cure);
    expect(server.requests).toHaveLength(0);
  });

  it('says so when the endpoint is private and not reached', async () => {
    const url = `https://127.0.0.1:${await closedPort()}`;
    overrides[CREDENTIAL_PATH] = () => ({ body: kubeconfig(url) });
    overrides[CLUSTER_PATH] = () => ({ body: cluster({ apiServerAccessProfile: { enablePrivateCluster: true } }) });
    const { error } = await run(BY_SECRET);
    expect(error).toMatchObject({ reason: 'ClusterEndpointPrivate', fault: 'cluster' });
    expect(error?.message).toMatch(/run the dispatcher inside its network/);
  });

  it('says so when the host has no managed identity', async () => {
    overrides['/msi/token'] = () => ({
      status: 400,
      body: { error: 'invalid_request', error_description: 'no identity' },
    });
    // Another environment, and so another process: theirs keep the token of a managed identity that was there.
    const env = { IDENTITY_ENDPOINT: `${stub.url}/msi/token`, IDENTITY_HEADER: 'header-y' };
    const { error } = await run({ client_id: CLIENT }, env);
    expect(error).toMatchObject({ reason: 'CloudCredentialMissing', fault: 'platform' });
    expect(error?.message).toContain('assign the managed identity of client_id');
  });
});
