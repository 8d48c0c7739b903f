import { describe, expect, it } from 'vitest';
import type { ClusterConfig, DeclaredCluster } from './cluster-config.js';
import { GUIDE_LOCAL, GUIDE_PRODUCTION, GUIDE_QUICK_START } from './guide-examples.fixture.js';
import { cluster, problemsOf, RULES } from './config-text.fixture.js';
import { parseClusterConfig } from './parse-cluster-config.js';

function valid(text: string): ClusterConfig {
  const parsed = parseClusterConfig(text, RULES);
  if (parsed.kind === 'invalid') throw new Error(JSON.stringify(parsed.problems, undefined, 1));
  return parsed.config;
}

function one(...lines: readonly string[]): DeclaredCluster {
  const [first] = valid(cluster(...lines)).clusters;
  if (first === undefined) throw new Error('no cluster');
  return first;
}

describe('the guide’s examples load as printed', () => {
  it('config/local.yaml: a kubeconfig beside the name is a local cluster and the default', () => {
    expect(valid(GUIDE_LOCAL).clusters).toMatchObject([
      {
        name: 'local-dev',
        type: 'kubernetes',
        isDefault: true,
        config: {
          auth_method: 'kubeconfig',
          kubeconfig_path: '/home/factory/.kube/config',
          context: 'docker-desktop',
        },
        files: [{ field: 'kubeconfig_path', path: '/home/factory/.kube/config' }],
        line: 4,
      },
    ]);
  });

  it('config/production.yaml: pool, health check, default and three ways in', () => {
    const config = valid(GUIDE_PRODUCTION);
    expect(config.settings).toEqual({
      maxIdleMs: 300_000,
      maxClients: 10,
      healthIntervalMs: 30_000,
      healthTimeoutMs: 10_000,
    });
    expect(config.clusters).toEqual([
      {
        name: 'prod-us-east-1',
        type: 'aws-eks',
        region: 'us-east-1',
        isDefault: true,
        config: {
          auth_method: 'eks-iam',
          cluster_name: 'prod-us-east-1',
          region: 'us-east-1',
          role_arn: 'arn:aws:iam::123456789012:role/image-factory-role',
        },
        capabilities: ['gpu', 'arm64'],
        labels: { environment: 'production', region: 'us-east-1' },
        maxConcurrentBuilds: undefined,
        describe: undefined,
        files: [],
        line: 12,
      },
      {
        name: 'staging-eu-west-1',
        type: 'aws-eks',
        region: 'eu-west-1',
        isDefault: false,
        config: { auth_method: 'token', token_path: '/secrets/staging-token' },
        capabilities: ['amd64'],
        labels: { environment: 'staging', region: 'eu-west-1' },
        maxConcurrentBuilds: undefined,
        describe: { auth_method: 'eks-iam', cluster_name: 'staging-eu-west-1', region: 'eu-west-1' },
        files: [{ field: 'token_path', path: '/secrets/staging-token' }],
        line: 23,
      },
      {
        name: 'local-dev',
        type: 'kubernetes',
        region: undefined,
        isDefault: false,
        config: { auth_method: 'kubeconfig', kubeconfig_path: '/home/factory/.kube/config' },
        capabilities: ['amd64', 'arm64'],
        labels: { environment: 'development' },
        maxConcurrentBuilds: undefined,
        describe: undefined,
        files: [{ field: 'kubeconfig_path', path: '/home/factory/.kube/config' }],
        line: 34,
      },
    ]);
  });

  it('the quick start', () => {
    expect(valid(GUIDE_QUICK_START).clusters).toMatchObject([{ name: 'local-dev', isDefault: false }]);
  });

  it('the clusters of its tests: a role is enough for aws, an unknown method is an error', () => {
    const role = 'arn:aws:iam::123456789012:role/test-role';
    const lines = ['name: test-aws', 'provider: aws', 'region: us-east-1', `auth: {method: iam, role_arn: "${role}"}`];
    expect(one(...lines).config).toMatchObject({ auth_method: 'eks-iam', role_arn: role });
    expect(problemsOf(cluster('name: invalid', 'auth:', '  method: unknown'))).toEqual([
      '3 clusters[0].provider is missing',
      '5 clusters[0].auth.method "unknown" is not one of service-account, iam, cert, kubeconfig, in-cluster',
    ]);
  });
});

describe('what the file becomes', () => {
  it.each<[string, string[], Record<string, string>]>([
    [
      'a service account with endpoint and CA',
      [
        'name: a',
        'provider: onprem',
        'endpoint: https://k.example:6443',
        'auth: {method: service-account, token_path: /run/token, ca_path: /run/ca.crt}',
      ],
      { auth_method: 'token', endpoint: 'https://k.example:6443', token_path: '/run/token', ca_path: '/run/ca.crt' },
    ],
    [
      'a certificate',
      [
        'name: a',
        'provider: local',
        'endpoint: https://k.example',
        'auth: {method: cert, cert_path: /c/tls.crt, key_path: ~/tls.key}',
      ],
      {
        auth_method: 'client-cert',
        endpoint: 'https://k.example',
        cert_path: '/c/tls.crt',
        key_path: '/home/factory/tls.key',
      },
    ],
    [
      'a GKE cluster, region for location',
      [
        'name: shown',
        'provider: gcp',
        'region: europe-west1',
        'project_id: build-farm-1',
        'cluster_name: real',
        'auth: {method: iam, service_account: b@build-farm-1.iam.gserviceaccount.com}',
      ],
      {
        auth_method: 'gke-workload-identity',
        project_id: 'build-farm-1',
        location: 'europe-west1',
        cluster_name: 'real',
        service_account: 'b@build-farm-1.iam.gserviceaccount.com',
      },
    ],
    [
      'an AKS cluster',
      [
        'name: aks-1',
        'provider: azure',
        'subscription_id: 11111111-2222-3333-4444-555555555555',
        'resource_group: builds',
        'auth: {method: iam, client_id: 99999999-2222-3333-4444-555555555555}',
      ],
      {
        auth_method: 'aks-managed-identity',
        subscription_id: '11111111-2222-3333-4444-555555555555',
        resource_group: 'builds',
        cluster_name: 'aks-1',
        client_id: '99999999-2222-3333-4444-555555555555',
      },
    ],
    [
      'a kubeconfig with a context in auth',
      ['name: a', 'provider: local', 'auth: {method: kubeconfig, kubeconfig: /k, context: kind}'],
      { auth_method: 'kubeconfig', kubeconfig_path: '/k', context: 'kind' },
    ],
    ['its own cluster', ['name: a', 'provider: local', 'auth: {method: in-cluster}'], { auth_method: 'in-cluster' }],
    ['the dispatcher’s host', ['name: a', 'provider: host', 'capabilities: [docker]'], {}],
  ])('%s', (_name, lines, config) => {
    expect(one(...lines).config).toEqual(config);
  });

  it('a limit, a location as region, and what the cloud has to be asked for', () => {
    const declared = one(
      'name: g',
      'provider: gcp',
      'project_id: build-farm-1',
      'location: europe-west1-b',
      'max_concurrent_builds: 7',
      'auth: {method: service-account, token_path: /t}',
    );
    expect(declared).toMatchObject({
      type: 'gcp-gke',
      region: 'europe-west1-b',
      maxConcurrentBuilds: 7,
      config: { auth_method: 'token', token_path: '/t' },
      describe: {
        auth_method: 'gke-workload-identity',
        project_id: 'build-farm-1',
        location: 'europe-west1-b',
        cluster_name: 'g',
      },
    });
  });

  it('no cluster at all, when the list is empty', () => {
    expect(valid('kubernetes:\n  clusters: []\n').clusters).toEqual([]);
  });

  it('understands the largest file in little time', () => {
    const entry = '    - name: "c%"\n      provider: "local"\n      auth: {method: "in-cluster"}\n';
    const text = `kubernetes:\n  clusters:\n${Array.from({ length: 2_000 }, (_, index) => entry.replace('%', String(index))).join('')}`;
    const began = performance.now();
    expect(valid(text).clusters).toHaveLength(2_000);
    expect(performance.now() - began).toBeLessThan(3_000);
  });
});
