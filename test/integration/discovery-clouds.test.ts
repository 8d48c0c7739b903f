import { describeCluster } from '@image-factory/cluster-connectors';
import { discover, type DiscoveryScope, type ScopeListing } from '@image-factory/cluster-registry';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  CloudStub,
  eksCluster,
  STUB_CA,
  STUB_CA_BASE64,
  type StubAnswer,
  type StubRequest,
  withIdentities,
} from './cloud-stub.ts';

let stub: CloudStub;
let forget: () => Promise<void>;
beforeAll(async () => {
  forget = await withIdentities();
});
afterAll(() => forget());
afterEach(() => stub.close());

async function listed(...scopes: readonly DiscoveryScope[]): Promise<ScopeListing[]> {
  const listings: ScopeListing[] = [];
  await discover(scopes, stub.clouds(), AbortSignal.timeout(30_000), (listing) => {
    listings.push(listing);
    return Promise.resolve();
  });
  return listings.sort((a, b) => (JSON.stringify(a.scope) < JSON.stringify(b.scope) ? -1 : 1));
}

function refusedByAws(status: number, type: string): StubAnswer {
  return { status, headers: { 'x-amzn-errortype': type }, body: { message: `refused ${type} with secret-text` } };
}

/** Pages of two names in eu-west-1; us-east-1 is denied; ap-south-1 throttles twice, then answers. */
function eks(): (request: StubRequest) => StubAnswer {
  let throttled = 0;
  const names = ['a', 'b', 'c', 'd', 'e'];
  return ({ url, region = '' }) => {
    if (region === 'us-east-1') return refusedByAws(403, 'AccessDeniedException');
    if (region === 'ap-south-1' && (throttled += 1) <= 2) return refusedByAws(429, 'TooManyRequestsException');
    const name = /^\/clusters\/([^/]+)$/.exec(url.pathname)?.[1];
    if (name === 'd') return refusedByAws(403, 'AccessDeniedException');
    if (name !== undefined) return { body: { cluster: eksCluster(region, name) } };
    if (region !== 'eu-west-1') return { body: { clusters: ['solo'] } };
    const from = Number(url.searchParams.get('nextToken') ?? 0);
    const next = from + 2 < names.length ? { nextToken: String(from + 2) } : {};
    return { body: { clusters: names.slice(from, from + 2), ...next } };
  };
}

describe('EKS', () => {
  it('is listed page by page and described; a refused region and a refused cluster are reported, not skipped', async () => {
    stub = await CloudStub.start(eks());
    const [ap, eu, us] = await listed(
      { cloud: 'aws', region: 'eu-west-1' },
      { cloud: 'aws', region: 'us-east-1' },
      { cloud: 'aws', region: 'ap-south-1' },
    );
    expect(eu?.clusters.map(({ key }) => key.name).sort()).toEqual(['a', 'b', 'c', 'e']);
    expect(eu?.clusters.find(({ key }) => key.name === 'a')).toEqual({
      key: { cloud: 'aws', account: '123456789012', location: 'eu-west-1', resourceGroup: '', name: 'a' },
      facts: {
        status: 'ACTIVE',
        version: '1.34',
        endpoint: 'https://a.eu-west-1.eks.example',
        caFingerprint: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
        privateOnly: false,
        tags: {},
        resource: 'arn:aws:eks:eu-west-1:123456789012:cluster/a',
      },
    });
    expect(eu?.problems).toMatchObject([
      { reason: 'CloudAccessDenied', message: expect.stringContaining('cluster d') },
    ]);
    expect(us).toMatchObject({ clusters: [], problems: [{ reason: 'CloudAccessDenied' }] });
    expect(us?.problems[0]?.message).toContain('EKS in us-east-1');
    expect(ap).toMatchObject({ problems: [], clusters: [{ key: { name: 'solo' } }] });
    expect(JSON.stringify([ap, eu, us])).not.toContain('secret');
  });

  it('reports a region that throttles for too long', async () => {
    stub = await CloudStub.start(() => refusedByAws(429, 'ThrottlingException'));
    const [listing] = await listed({ cloud: 'aws', region: 'eu-west-1' });
    expect(listing?.problems).toMatchObject([{ reason: 'CloudThrottled' }]);
    // Four tries, each of them two of the SDK.
    expect(stub.requests).toHaveLength(8);
  });
});

/** A cluster as GKE describes it. */
function gkeCluster(name: string, location: string, more: object = {}): object {
  return {
    name,
    location,
    selfLink: `https://container.googleapis.com/v1/projects/farm-1/locations/${location}/clusters/${name}`,
    endpoint: '203.0.113.7',
    status: 'RUNNING',
    currentMasterVersion: '1.34.1-gke.100',
    masterAuth: { clusterCaCertificate: STUB_CA_BASE64 },
    resourceLabels: { team: 'builds' },
    ...more,
  };
}

describe('GKE', () => {
  it('is listed over projects and locations; a zone that Google cannot ask makes the listing incomplete', async () => {
    let busy = 0;
    stub = await CloudStub.start(({ url, authorization }) => {
      if (authorization !== 'Bearer google-token') return { status: 401, body: {} };
      if (url.pathname === '/v1/projects/farm-1/locations/-/clusters') {
        if ((busy += 1) === 1)
          return { status: 429, headers: { 'retry-after': '7' }, body: { error: { status: 'RESOURCE_EXHAUSTED' } } };
        return {
          body: {
            clusters: [
              gkeCluster('a', 'europe-west1'),
              gkeCluster('b', 'europe-west1-b', { privateClusterConfig: { enablePrivateEndpoint: true } }),
            ],
            missingZones: ['europe-west1-c'],
          },
        };
      }
      return { status: 403, body: { error: { code: 403, message: 'secret-text', status: 'PERMISSION_DENIED' } } };
    });
    const [first, second] = await listed(
      { cloud: 'gcp', project: 'farm-1', location: '-' },
      { cloud: 'gcp', project: 'farm-2', location: 'us-central1' },
    );
    expect(stub.waits).toEqual([7_000]);
    expect(first?.clusters.map(({ key, facts }) => [key.account, key.location, key.name, facts.privateOnly])).toEqual([
      ['farm-1', 'europe-west1', 'a', false],
      ['farm-1', 'europe-west1-b', 'b', true],
    ]);
    expect(first?.clusters[0]?.facts).toMatchObject({ endpoint: 'https://203.0.113.7', tags: { team: 'builds' } });
    expect(first?.problems).toMatchObject([{ message: expect.stringContaining('europe-west1-c') }]);
    expect(second?.problems).toEqual([
      {
        reason: 'CloudAccessDenied',
        message:
          'GKE in project farm-2, us-central1: listing its clusters is denied; grant the identity roles/container.clusterViewer on the project, or leave it out. (PERMISSION_DENIED)',
      },
    ]);
  });
});

describe('a cloud without a credential', () => {
  it('is reported as such, without what the library says', async () => {
    stub = await CloudStub.start(() => ({ body: {} }));
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', '/nonexistent/secret-text');
    const [listing] = await listed({ cloud: 'gcp', project: 'farm-1', location: '-' }).finally(() => forget());
    forget = await withIdentities();
    expect(listing?.problems).toMatchObject([{ reason: 'CloudCredentialMissing' }]);
    expect(JSON.stringify(listing)).not.toContain('secret-text');
    expect(stub.requests).toEqual([]);
  });
});

const SUBSCRIPTION = '11111111-2222-3333-4444-555555555555';

/** A cluster as the resource manager describes it. */
function aksCluster(name: string, more: object = {}): object {
  return {
    id: `/subscriptions/${SUBSCRIPTION}/resourcegroups/builds/providers/Microsoft.ContainerService/managedClusters/${name}`,
    name,
    location: 'westeurope',
    tags: { team: 'builds' },
    properties: {
      provisioningState: 'Succeeded',
      powerState: { code: 'Running' },
      kubernetesVersion: '1.34',
      currentKubernetesVersion: '1.34.2',
      fqdn: `${name}.hcp.westeurope.azmk8s.example`,
      ...more,
    },
  };
}

describe('AKS', () => {
  it('is listed page by page, and a page of another host is not followed', async () => {
    const list = `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.ContainerService/managedClusters`;
    stub = await CloudStub.start(({ url }) => {
      if (url.searchParams.get('api-version') === null)
        return { status: 400, body: { error: { code: 'MissingApiVersion' } } };
      const page = url.searchParams.get('$skipToken');
      if (page === null) {
        return {
          body: {
            value: [aksCluster('a')],
            nextLink: `https://management.azure.com${list}?api-version=2025-10-01&$skipToken=2`,
          },
        };
      }
      return {
        body: { value: [aksCluster('b', { powerState: { code: 'Stopped' } })], nextLink: 'https://evil.example/more' },
      };
    });
    const [listing] = await listed({ cloud: 'azure', subscription: SUBSCRIPTION, azureCloud: 'AzureCloud' });
    expect(
      listing?.clusters.map(({ key, facts }) => [key.resourceGroup, key.name, facts.status, facts.version]),
    ).toEqual([
      ['builds', 'a', 'Succeeded', '1.34.2'],
      ['builds', 'b', 'Stopped', '1.34.2'],
    ]);
    expect(listing?.problems).toMatchObject([
      { reason: 'CloudUnavailable', message: expect.stringContaining('another host') },
    ]);
  });
});

const WAYS = [
  { auth_method: 'eks-iam', region: 'eu-west-1', cluster_name: 'a' },
  { auth_method: 'gke-workload-identity', project_id: 'farm-1', location: 'europe-west1', cluster_name: 'a' },
  { auth_method: 'aks-managed-identity', subscription_id: SUBSCRIPTION, resource_group: 'builds', cluster_name: 'a' },
] as const;

describe('a cluster is described by its name', () => {
  const kubeconfig = Buffer.from(
    `apiVersion: v1\nkind: Config\nclusters:\n- name: a\n  cluster: {server: "https://a.azmk8s.example:443", certificate-authority-data: ${STUB_CA_BASE64}}\ncontexts:\n- {name: c, context: {cluster: a, user: u}}\ncurrent-context: c\nusers:\n- name: u\n  user: {exec: {command: kubelogin}}\n`,
  ).toString('base64');

  it('in each cloud', async () => {
    stub = await CloudStub.start(({ method, url, region = '' }) => {
      if (url.pathname === '/clusters/a') return { body: { cluster: eksCluster(region, 'a') } };
      if (url.pathname.startsWith('/v1/')) return { body: gkeCluster('a', 'europe-west1') };
      if (method === 'GET' && url.pathname.endsWith('/managedClusters/a')) return { body: aksCluster('a') };
      if (method === 'POST' && url.pathname.endsWith('/managedClusters/a/listClusterUserCredential')) {
        return { body: { kubeconfigs: [{ name: 'clusterUser', value: kubeconfig }] } };
      }
      return { status: 404, body: {} };
    });
    const described = await Promise.all(WAYS.map((config) => describeCluster(config, stub.sessions())));
    expect(described.map(({ server, ca }) => [server, ca?.reveal()])).toEqual([
      ['https://a.eu-west-1.eks.example', STUB_CA],
      ['https://203.0.113.7', STUB_CA],
      ['https://a.azmk8s.example:443', STUB_CA],
    ]);
  });

  it.each<[string, StubAnswer, string]>([
    ['is not there', refusedByAws(404, 'ResourceNotFoundException'), 'CloudClusterNotFound'],
    [
      'is not active',
      { body: { cluster: eksCluster('eu-west-1', 'a', { status: 'CREATING' }) } },
      'CloudClusterNotActive',
    ],
    [
      'has no CA',
      { body: { cluster: eksCluster('eu-west-1', 'a', { certificateAuthority: {} }) } },
      'CloudClusterNotActive',
    ],
    ['is asked for with an expired session', refusedByAws(403, 'ExpiredTokenException'), 'CloudCredentialExpired'],
  ])('and refused when it %s', async (_name, answer, reason) => {
    stub = await CloudStub.start(() => answer);
    const asked = describeCluster(WAYS[0], stub.sessions());
    await expect(asked).rejects.toMatchObject({
      reason,
      message: expect.stringContaining('EKS cluster a in eu-west-1'),
    });
  });
});

describe('an address that the egress rules refuse', () => {
  const SCOPES: readonly DiscoveryScope[] = [
    { cloud: 'aws', region: 'eu-west-1' },
    { cloud: 'gcp', project: 'farm-1', location: '-' },
    { cloud: 'azure', subscription: SUBSCRIPTION, azureCloud: 'AzureCloud' },
  ];

  it.each(SCOPES)('is not asked for a list, nor for a token: $cloud', async (scope) => {
    stub = await CloudStub.start(() => ({ body: {} }));
    const problems: unknown[] = [];
    await discover([scope], stub.clouds([]), AbortSignal.timeout(10_000), (listing) => {
      problems.push(...listing.problems);
      return Promise.resolve();
    });
    expect(problems).toMatchObject([{ reason: 'EgressForbidden' }]);
    expect(stub.requests).toEqual([]);
  });

  it.each(WAYS)('is not asked where a cluster is: $auth_method', async (config) => {
    stub = await CloudStub.start(() => ({ body: {} }));
    await expect(describeCluster(config, stub.sessions([]))).rejects.toMatchObject({ reason: 'EgressForbidden' });
    expect(stub.requests).toEqual([]);
  });
});

describe('a cloud of its own', () => {
  const asked = (): string[] => [...new Set(stub.requests.map(({ host }) => host))].sort();

  it('of AWS is asked at its own hosts, for a region of it', async () => {
    stub = await CloudStub.start(({ url, region = '' }) =>
      url.pathname === '/clusters' ? { body: { clusters: ['a'] } } : { body: { cluster: eksCluster(region, 'a') } },
    );
    const listings = await listed({ cloud: 'aws', region: 'cn-north-1' }, { cloud: 'aws', region: 'us-gov-west-1' });
    expect(listings).toMatchObject([{ problems: [] }, { problems: [] }]);
    expect(asked()).toEqual(['eks.cn-north-1.amazonaws.com.cn', 'eks.us-gov-west-1.amazonaws.com']);
  });

  it('of Google is not asked, and its credentials are sent nowhere', async () => {
    stub = await CloudStub.start(() => ({ body: {} }));
    await forget();
    forget = await withIdentities({ universe_domain: 'apis-tpclp.example' });
    const [listing] = await listed({ cloud: 'gcp', project: 'farm-1', location: '-' });
    expect(listing?.problems).toMatchObject([{ message: expect.stringContaining('another universe') }]);
    expect(stub.requests).toEqual([]);
    await forget();
    forget = await withIdentities();
  });

  it.each([
    ['AzureUSGovernment', 'login.microsoftonline.us', 'management.usgovcloudapi.net'],
    ['AzureChina', 'login.partner.microsoftonline.cn', 'management.chinacloudapi.cn'],
  ] as const)('of Azure is asked at its own hosts, with a token of its own: %s', async (azureCloud, login, arm) => {
    stub = await CloudStub.start(() => ({ body: { value: [aksCluster('a')] } }));
    const [listing] = await listed({ cloud: 'azure', subscription: SUBSCRIPTION, azureCloud });
    expect(listing).toMatchObject({ problems: [], clusters: [{ facts: { azureCloud } }] });
    expect(asked()).toEqual([arm]);
    const [, claims = ''] = (stub.requests[0]?.authorization ?? '').split('.');
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({ iss: login });
  });
});
