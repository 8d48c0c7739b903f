import { describeCluster, discover, type DiscoveryScope, type ScopeListing } from '@image-factory/cluster-registry';
import { afterEach, describe, expect, it } from 'vitest';
import { CloudStub, eksCluster, STUB_CA, STUB_CA_BASE64, type StubAnswer, type StubRequest } from './cloud-stub.ts';

let stub: CloudStub;
afterEach(() => stub.close());

async function listed(...scopes: readonly DiscoveryScope[]): Promise<ScopeListing[]> {
  const listings: ScopeListing[] = [];
  await discover(scopes, stub.access(), AbortSignal.timeout(30_000), (listing) => {
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
    expect(stub.requests).toHaveLength(3);
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
          'GKE in project farm-2, us-central1 was refused (HTTP 403, PERMISSION_DENIED); give the identity the right to list and describe clusters there, or leave the scope out.',
      },
    ]);
  });
});

describe('a cloud without a credential', () => {
  it('is reported as such, without what the library says', async () => {
    stub = await CloudStub.start(() => ({ body: {} }));
    const refused = (): Promise<string> => Promise.reject(new Error('secret-text of a chain'));
    const access = { ...stub.access(), gcp: { origin: stub.url, token: refused } };
    const listings: ScopeListing[] = [];
    await discover(
      [{ cloud: 'gcp', project: 'farm-1', location: '-' }],
      access,
      AbortSignal.timeout(5_000),
      (listing) => {
        listings.push(listing);
        return Promise.resolve();
      },
    );
    expect(listings[0]?.problems).toMatchObject([{ reason: 'CloudCredentialMissing' }]);
    expect(JSON.stringify(listings)).not.toContain('secret-text');
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
          body: { value: [aksCluster('a')], nextLink: `${stub.url}${list}?api-version=2025-10-01&$skipToken=2` },
        };
      }
      return {
        body: { value: [aksCluster('b', { powerState: { code: 'Stopped' } })], nextLink: 'https://evil.example/more' },
      };
    });
    const [listing] = await listed({ cloud: 'azure', subscription: SUBSCRIPTION });
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

describe('a cluster is described by its name', () => {
  const kubeconfig = Buffer.from(
    `apiVersion: v1\nkind: Config\nclusters:\n- name: a\n  cluster: {server: "https://a.azmk8s.example:443", certificate-authority-data: ${STUB_CA_BASE64}}\nusers:\n- name: u\n  user: {exec: {command: kubelogin}}\n`,
  ).toString('base64');

  it('in each cloud', async () => {
    stub = await CloudStub.start(({ method, url, region = '' }) => {
      if (url.pathname === '/clusters/a') return { body: { cluster: eksCluster(region, 'a') } };
      if (url.pathname.startsWith('/v1/')) return { body: gkeCluster('a', 'europe-west1') };
      if (method === 'POST' && url.pathname.endsWith('/managedClusters/a/listClusterUserCredential')) {
        return { body: { kubeconfigs: [{ name: 'clusterUser', value: kubeconfig }] } };
      }
      return { status: 404, body: {} };
    });
    const access = stub.access();
    expect([
      await describeCluster({ cloud: 'aws', region: 'eu-west-1', name: 'a' }, access),
      await describeCluster({ cloud: 'gcp', project: 'farm-1', location: 'europe-west1', name: 'a' }, access),
      await describeCluster({ cloud: 'azure', subscription: SUBSCRIPTION, resourceGroup: 'builds', name: 'a' }, access),
    ]).toEqual([
      { endpoint: 'https://a.eu-west-1.eks.example', caCert: STUB_CA },
      { endpoint: 'https://203.0.113.7', caCert: STUB_CA },
      { endpoint: 'https://a.azmk8s.example:443', caCert: STUB_CA },
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
      'CloudUnavailable',
    ],
    ['is asked for with an expired session', refusedByAws(403, 'ExpiredTokenException'), 'CloudCredentialExpired'],
  ])('and refused when it %s', async (_name, answer, reason) => {
    stub = await CloudStub.start(() => answer);
    const asked = describeCluster({ cloud: 'aws', region: 'eu-west-1', name: 'a' }, stub.access());
    await expect(asked).rejects.toMatchObject({
      reason,
      message: expect.stringContaining('EKS cluster a in eu-west-1'),
    });
  });
});
