import { describe, expect, it } from 'vitest';
import { environmentProvider, stableProviderId } from './environment-provider.js';

describe('the provider of the environment', () => {
  const named = (tektonKubeconfigPath: string | undefined, tektonInCluster = false) =>
    environmentProvider({ tektonKubeconfigPath, tektonInCluster });

  it('is none unless the operator names a cluster', () => {
    expect(named(undefined)).toBeUndefined();
    expect(named('')).toBeUndefined();
  });

  it('is the process’s own cluster when the operator says so', () => {
    expect(named(undefined, true)).toMatchObject({
      id: named('/etc/kubeconfig')?.id,
      source: 'environment',
      isGlobal: false,
      config: { auth_method: 'in-cluster' },
    });
  });

  it('has the same id in every process and is a kubeconfig provider by path', () => {
    const provider = named('/etc/image-factory/kubeconfig');
    expect(provider).toEqual(named('/etc/image-factory/kubeconfig'));
    expect(provider?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(provider?.config).toEqual({ auth_method: 'kubeconfig', kubeconfig_path: '/etc/image-factory/kubeconfig' });
  });

  it('has another id for another source or name', () => {
    const ids = [
      stableProviderId('environment', 'a'),
      stableProviderId('file', 'a'),
      stableProviderId('environment', 'b'),
    ];
    expect(new Set(ids).size).toBe(3);
  });
});
