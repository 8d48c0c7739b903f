import { generateKeyPairSync } from 'node:crypto';
import type { ProviderType } from '@image-factory/domain';
import { describe, expect, it } from 'vitest';
import { validateProviderConfig } from './validate-provider-config.js';

const RULES = { allowedCredentialDirs: [], allowPaths: false };
const GUID = '00000000-1111-2222-3333-444444444444';
const EKS = { auth_method: 'eks-iam', cluster_name: 'prod', region: 'us-east-1' };
const GKE = {
  auth_method: 'gke-workload-identity',
  project_id: 'factory-1',
  location: 'europe-west1',
  cluster_name: 'prod',
};
const AKS = { auth_method: 'aks-managed-identity', subscription_id: GUID, resource_group: 'rg', cluster_name: 'prod' };
const ROLE = 'arn:aws:iam::123456789012:role/team/builder';
const { privateKey } = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});
const key = (more: object = {}): string =>
  JSON.stringify({
    type: 'service_account',
    client_email: 'a@b-1.iam.gserviceaccount.com',
    private_key: privateKey,
    ...more,
  });

const TYPES: Readonly<Record<string, ProviderType>> = {
  'eks-iam': 'aws-eks',
  'gke-workload-identity': 'gcp-gke',
  'aks-managed-identity': 'azure-aks',
};
const typeOf = (config: { auth_method: string }): ProviderType => TYPES[config.auth_method] ?? 'kubernetes';

describe('a config of a cloud', () => {
  it.each([
    EKS,
    { ...EKS, region: 'us-gov-west-1', role_arn: ROLE.replace('arn:aws:', 'arn:aws-us-gov:'), external_id: 'x:1' },
    { ...EKS, access_key_id: 'AKIAIOSFODNN7EXAMPLE', secret_access_key: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
    { ...EKS, endpoint: 'https://eks.example', proxy_url: 'http://proxy.example:3128', storage_class: 'gp3' },
    GKE,
    {
      ...GKE,
      location: 'northamerica-northeast1-a',
      endpoint_kind: 'dns',
      service_account: 'b@c-1.iam.gserviceaccount.com',
    },
    { ...GKE, service_account_key: key() },
    AKS,
    { ...AKS, client_id: GUID },
    { ...AKS, azure_cloud: 'AzureUSGovernment' },
    { ...EKS, region: 'cn-north-1', role_arn: ROLE.replace('arn:aws:', 'arn:aws-cn:') },
    { ...AKS, client_id: GUID, tenant_id: 'corp.example', client_secret: 's3cret~' },
  ])('is accepted: %j', (config) => {
    expect(validateProviderConfig(typeOf(config), config, RULES)).toEqual([]);
    expect(validateProviderConfig('kubernetes', config, RULES)).toEqual([]);
  });

  it.each([
    ['region', { auth_method: 'eks-iam', cluster_name: 'prod' }],
    ['region', { ...EKS, region: '169.254.169.254/' }],
    ['region', { ...EKS, region: 'us-east-1.attacker.example' }],
    ['cluster_name', { ...EKS, cluster_name: '../other' }],
    ['role_arn', { ...EKS, role_arn: 'arn:aws:iam::123456789012:user/a' }],
    ['role_arn', { ...EKS, external_id: 'x1' }],
    ['secret_access_key', { ...EKS, access_key_id: 'AKIAIOSFODNN7EXAMPLE' }],
    ['access_key_id', { ...EKS, secret_access_key: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }],
    ['endpoint', { ...EKS, ca_cert: 'no pem' }],
    ['ca_cert', { ...EKS, endpoint: 'https://eks.example', ca_cert: 'no pem' }],
    ['token', { ...EKS, token: 'abc' }],
    ['project_id', { ...GKE, project_id: 'Factory' }],
    ['location', { ...GKE, location: 'x/../../y' }],
    ['cluster_name', { ...GKE, cluster_name: 'Prod?' }],
    ['service_account', { ...GKE, service_account: 'somebody@example.com' }],
    ['endpoint_kind', { ...GKE, endpoint_kind: 'private' }],
    ['service_account_key', { ...GKE, service_account_key: '{' }],
    ['service_account_key', { ...GKE, service_account_key: key({ type: 'external_account' }) }],
    ['service_account_key', { ...GKE, service_account_key: key({ client_email: 'a' }) }],
    ['service_account_key', { ...GKE, service_account_key: key({ private_key: 'no' }) }],
    ['service_account_key', { ...GKE, service_account_key: key({ universe_domain: 'apis-tpclp.goog' }) }],
    ['role_arn', { ...EKS, region: 'cn-north-1', role_arn: ROLE }],
    ['role_arn', { ...EKS, role_arn: ROLE.replace('arn:aws:', 'arn:aws-us-gov:') }],
    ['azure_cloud', { ...AKS, azure_cloud: 'AzureGermany' }],
    ['azure_cloud', { ...AKS, azure_cloud: 'constructor' }],
    ['subscription_id', { ...AKS, subscription_id: 'mine' }],
    ['resource_group', { ...AKS, resource_group: 'a/b' }],
    ['client_id', { ...AKS, client_id: 'me' }],
    ['tenant_id', { ...AKS, client_id: GUID, client_secret: 's' }],
    ['client_id', { ...AKS, tenant_id: GUID }],
    ['tenant_id', { ...AKS, client_id: GUID, tenant_id: 'a/b' }],
    ['proxy_url', { ...AKS, proxy_url: 'socks5://proxy.example' }],
    ['proxy_url', { ...AKS, proxy_url: 'http://user:pw@proxy.example' }],
    ['proxy_url', { ...AKS, proxy_url: 'http://proxy.example/path' }],
    ['proxy_url', { ...AKS, proxy_url: 7 }],
  ] as const)('is refused at %s: %j', (path, config) => {
    const paths = validateProviderConfig(typeOf(config), config, RULES).map((issue) => issue.path);
    expect(paths).toContain(`config.${path}`);
  });

  it('has every wrong field named at once, and no value repeated', () => {
    const config = {
      auth_method: 'eks-iam',
      region: 'canary-1x',
      role_arn: 'canary',
      external_id: '?',
      token: 'canary',
    };
    const issues = validateProviderConfig('aws-eks', config, RULES);
    expect(issues.map((issue) => issue.path).sort()).toEqual([
      'config.cluster_name',
      'config.external_id',
      'config.region',
      'config.role_arn',
      'config.token',
    ]);
    expect(JSON.stringify(issues)).not.toContain('canary');
  });

  it('is refused for a provider of another cloud', () => {
    expect(validateProviderConfig('gcp-gke', EKS, RULES)).toEqual([
      { path: 'config.auth_method', message: 'eks-iam is for providers of type aws-eks, not gcp-gke' },
    ]);
  });
});
