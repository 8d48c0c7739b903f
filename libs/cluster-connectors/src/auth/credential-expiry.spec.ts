import { describe, expect, it } from 'vitest';
import { credentialExpiry } from './credential-expiry.js';
import { CERTIFICATE, PRIVATE_KEY } from './pem.fixture.js';

const context = { fileRules: { allowedDirs: [], anyPath: false } };
const endpoint = 'https://cluster.example';
const jwt = (claims: string): string => `e30.${Buffer.from(claims).toString('base64url')}.c2ln`;
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const kubeconfig = (user: object): string =>
  JSON.stringify({
    'current-context': 'a',
    clusters: [{ name: 'a', cluster: { server: endpoint } }],
    contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
    users: [{ name: 'a', user }],
  });

describe('the end of a credential', () => {
  it.each([
    ['a JWT', { auth_method: 'token', endpoint, token: jwt('{"exp":1893456000}') }],
    [
      'a JWT in a kubeconfig',
      { auth_method: 'kubeconfig', kubeconfig: kubeconfig({ token: jwt('{"exp":1893456000}') }) },
    ],
  ])('is that of %s', async (_name, fields) => {
    expect(await credentialExpiry(fields, context)).toEqual(new Date('2030-01-01T00:00:00Z'));
  });

  it.each([
    [
      'a client certificate',
      { auth_method: 'client-cert', endpoint, client_cert: CERTIFICATE, client_key: PRIVATE_KEY },
    ],
    [
      'one in a kubeconfig',
      {
        auth_method: 'kubeconfig',
        kubeconfig: kubeconfig({
          'client-certificate-data': base64(CERTIFICATE),
          'client-key-data': base64(PRIVATE_KEY),
        }),
      },
    ],
  ])('is that of %s', async (_name, fields) => {
    expect((await credentialExpiry(fields, context))?.getUTCFullYear()).toBe(2126);
  });

  it.each([
    { auth_method: 'token', endpoint, token: 'opaque' },
    { auth_method: 'token', endpoint, token: jwt('{"exp":"soon"}') },
    { auth_method: 'token', endpoint, token: jwt('not json') },
    { auth_method: 'token', endpoint, token_path: '/run/token' },
    { auth_method: 'kubeconfig', kubeconfig_path: '/run/kubeconfig' },
    { auth_method: 'in-cluster' },
    { auth_method: 'eks-iam', cluster_name: 'a', region: 'us-east-1' },
  ])('is unknown for %j', async (fields) => {
    expect(await credentialExpiry(fields, context)).toBeUndefined();
  });
});
