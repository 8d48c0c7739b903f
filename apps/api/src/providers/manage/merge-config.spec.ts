import { describe, expect, it } from 'vitest';
import { mergeConfig } from './merge-config.js';

const CURRENT = { auth_method: 'token', endpoint: 'https://a', token: 't', ca_cert: 'ca', storage_class: 'fast' };

describe('a PATCH of a config', () => {
  it.each([
    ['keeps what is left out', { storage_class: 'slow' }, { ...CURRENT, storage_class: 'slow' }],
    [
      'removes what is null',
      { storage_class: null },
      { auth_method: 'token', endpoint: 'https://a', token: 't', ca_cert: 'ca' },
    ],
    [
      'puts a field in the place of the one that it stands for',
      { token_path: '/run/token' },
      { auth_method: 'token', endpoint: 'https://a', token_path: '/run/token', ca_cert: 'ca', storage_class: 'fast' },
    ],
    [
      'drops the fields of the old method',
      { auth_method: 'kubeconfig', kubeconfig: 'k' },
      { auth_method: 'kubeconfig', kubeconfig: 'k', storage_class: 'fast' },
    ],
    [
      'keeps fields that both methods have',
      { auth_method: 'client-cert', client_cert: 'c', client_key: 'k' },
      {
        auth_method: 'client-cert',
        endpoint: 'https://a',
        ca_cert: 'ca',
        client_cert: 'c',
        client_key: 'k',
        storage_class: 'fast',
      },
    ],
  ])('%s', (_name, patch, merged) => {
    expect(mergeConfig(CURRENT, patch)).toEqual(merged);
  });
});
