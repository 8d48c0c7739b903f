import { describe, expect, it } from 'vitest';
import { environmentProvider, stableProviderId } from './environment-provider.js';

describe('the provider of the environment', () => {
  it('is none without a kubeconfig', () => {
    expect(environmentProvider(undefined)).toBeUndefined();
    expect(environmentProvider('')).toBeUndefined();
  });

  it('has the same id in every process and is a kubeconfig provider by path', () => {
    const provider = environmentProvider('/etc/image-factory/kubeconfig');
    expect(provider).toEqual(environmentProvider('/etc/image-factory/kubeconfig'));
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
