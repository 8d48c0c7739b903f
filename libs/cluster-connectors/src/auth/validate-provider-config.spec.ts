import { Secret } from '@image-factory/domain';
import { describe, expect, it } from 'vitest';
import { CERTIFICATE, OTHER_KEY, PRIVATE_KEY } from './pem.fixture.js';
import { validateProviderConfig } from './validate-provider-config.js';

const RULES = {
  allowedCredentialDirs: ['/etc/credentials'],
  allowPaths: false,
  now: () => new Date('2027-01-01T00:00:00Z'),
};
const endpoint = 'https://cluster.example:6443';
const paths = (config: Record<string, unknown>, rules = RULES): string[] =>
  validateProviderConfig('kubernetes', config, rules).map((issue) => issue.path);

describe('a provider config', () => {
  it.each([
    { auth_method: 'token', endpoint, token: 'abc' },
    {
      auth_method: 'token',
      apiServer: endpoint,
      token: new Secret('abc'),
      ca_cert: CERTIFICATE,
      tls_server_name: 'api.example',
    },
    { auth_method: 'token', endpoint, token_path: '/etc/credentials/token' },
    { auth_method: 'client-cert', endpoint, client_cert: CERTIFICATE, client_key: new Secret(PRIVATE_KEY) },
    { auth_method: 'client-cert', endpoint, cert_path: '/etc/credentials/c', key_path: '/etc/credentials/k' },
    {
      auth_method: 'in-cluster',
      tekton_enabled: true,
      install_tasks: false,
      storage_class: 'fast',
      workspace_size: '2Gi',
    },
    {
      auth_method: 'in-cluster',
      registry_access: 'cluster',
      tekton_task_images: { kaniko: 'registry.example/kaniko:1@sha256:' + 'a'.repeat(64) },
    },
    { auth_method: 'in-cluster', insecure_registries: ['127.0.0.1:5000', 'registry.example'] },
  ])('is accepted: %j', (config) => {
    expect(validateProviderConfig('kubernetes', config, RULES)).toEqual([]);
  });

  it.each([
    ['auth_method', {}],
    ['auth_method', { auth_method: 'exec' }],
    ['auth_method', { auth_method: 'toString' }],
    ['endpoint', { auth_method: 'token', token: 'abc' }],
    ['token', { auth_method: 'token', endpoint }],
    ['token', { auth_method: 'token', endpoint, token: '' }],
    ['apiServer', { auth_method: 'token', endpoint, apiServer: endpoint, token: 'abc' }],
    ['token_path', { auth_method: 'token', endpoint, token: 'abc', token_path: '/etc/credentials/t' }],
    ['token', { auth_method: 'token', endpoint, token: 'a b' }],
    ['token', { auth_method: 'token', endpoint, token: 5 }],
    ['endpoint', { auth_method: 'token', endpoint: 'http://cluster.example', token: 'abc' }],
    ['endpoint', { auth_method: 'token', endpoint: 'https://u:p@cluster.example', token: 'abc' }],
    ['ca_cert', { auth_method: 'token', endpoint, token: 'abc', ca_cert: 'no pem' }],
    ['proxy_url', { auth_method: 'token', endpoint, token: 'abc', proxy_url: 'ftp://p' }],
    ['kubeconfig', { auth_method: 'token', endpoint, token: 'abc', kubeconfig: '{}' }],
    ['__proto__', JSON.parse('{"auth_method":"in-cluster","__proto__":{}}') as Record<string, unknown>],
    ['client_key', { auth_method: 'client-cert', endpoint, client_cert: CERTIFICATE, client_key: OTHER_KEY }],
    ['key_path', { auth_method: 'client-cert', endpoint, client_cert: CERTIFICATE, key_path: '/etc/credentials/k' }],
    ['kubeconfig', { auth_method: 'kubeconfig', kubeconfig: '{"users":[{"name":"u","user":{"exec":{}}}]}' }],
    ['token_path', { auth_method: 'token', endpoint, token_path: '/etc/passwd' }],
    ['token_path', { auth_method: 'token', endpoint, token_path: '/etc/credentials/../passwd' }],
    ['token_path', { auth_method: 'token', endpoint, token_path: '/etc/credentials-of-others/t' }],
    ['token_path', { auth_method: 'token', endpoint, token_path: 'token' }],
    ['token_path', { auth_method: 'token', endpoint, token_path: '~/token' }],
    ['tekton_enabled', { auth_method: 'in-cluster', tekton_enabled: 'true' }],
    ['workspace_size', { auth_method: 'in-cluster', workspace_size: '1 GB' }],
    ['storage_class', { auth_method: 'in-cluster', storage_class: 'A b' }],
    ['registry_access', { auth_method: 'in-cluster', registry_access: 'both' }],
    ['tekton_task_images', { auth_method: 'in-cluster', tekton_task_images: { other: 'registry.example/x' } }],
    ['tekton_task_images', { auth_method: 'in-cluster', tekton_task_images: { kaniko: 'kaniko' } }],
    ['insecure_registries', { auth_method: 'in-cluster', insecure_registries: 'registry.example' }],
    ['tls_server_name', { auth_method: 'in-cluster', tls_server_name: 'a b' }],
  ])('is refused at %s: %j', (field, config) => {
    expect(paths(config)).toContain(`config.${field}`);
  });

  it('has all its problems named at once', () => {
    const config = {
      auth_method: 'token',
      endpoint: 'ftp://x',
      token_path: '/etc/passwd',
      workspace_size: 'x',
      extra: 1,
    };
    expect(paths(config).sort()).toEqual([
      'config.endpoint',
      'config.extra',
      'config.token_path',
      'config.workspace_size',
    ]);
  });

  it('may name any path when an operator wrote it', () => {
    const config = { auth_method: 'kubeconfig', kubeconfig_path: '/home/operator/.kube/config' };
    expect(paths(config)).toEqual(['config.kubeconfig_path']);
    expect(paths(config, { ...RULES, allowPaths: true })).toEqual([]);
  });

  it('is refused with an expired client certificate', () => {
    const rules = { ...RULES, now: () => new Date('2200-01-01T00:00:00Z') };
    expect(
      paths({ auth_method: 'client-cert', endpoint, client_cert: CERTIFICATE, client_key: PRIVATE_KEY }, rules),
    ).toContain('config.client_cert');
  });

  it('has no field for a local provider', () => {
    expect(validateProviderConfig('local', {}, RULES)).toEqual([]);
    expect(validateProviderConfig('local', { endpoint }, RULES)).toHaveLength(1);
  });

  it('shows no credential in what it says', () => {
    const issues = validateProviderConfig(
      'kubernetes',
      { auth_method: 'token', endpoint, token: 'sekret value' },
      RULES,
    );
    expect(JSON.stringify(issues)).not.toContain('sekret');
  });
});
