import { FAKE_OTHER_CA } from '@image-factory/test-support';
import {
  BROKEN_CA,
  BROKEN_CA_TWIN,
  EARLY_CERTIFICATE,
  EXPIRED_CERTIFICATE,
  LASTING_CERTIFICATE,
  SELF_SIGNED_CERTIFICATE,
} from './broken-certificates.ts';
import { named, point, type Row } from './broken-cluster.ts';
import type { BrokenWorld } from './broken-world.ts';

/* Clusters to which there is no way in: network, certificate, credential. */

const EXPIRED_JWT = `e30.${Buffer.from(JSON.stringify({ exp: 1_700_000_000 })).toString('base64url')}.c2ln`;
const tls = (certificate: string, ca: string) => async (world: BrokenWorld) => {
  await world.serveTls(certificate);
  world.config['ca_cert'] = ca;
};

export const NETWORK: readonly Row[] = [
  [
    'nothing listens',
    point({ endpoint: 'https://127.0.0.1:1' }),
    'unhealthy ClusterUnreachable',
    /nothing listens/,
    'tcp',
    /Start the API server/,
  ],
  ['packets vanish', (world) => world.blackHole(), 'unhealthy ClusterUnreachable', /in time/, 'tcp', /firewall/],
  [
    'connections are taken and never served',
    (world) => world.server.hangConnections(true),
    'unhealthy ClusterUnreachable',
    /in time/,
    'tls',
    /firewall/,
  ],
  [
    'connections are closed at once',
    (world) => world.hangUp(),
    'unhealthy ClusterUnreachable',
    /closed the connection|connection failed/,
    'tls',
    /hangs up/,
  ],
  [
    'the name does not resolve',
    named(async () => Promise.reject(new Error('ENOTFOUND'))),
    'unhealthy ClusterUnreachable',
    /does not resolve/,
    'resolve',
    /DNS/,
  ],
  [
    'the name has no address',
    named(async () => []),
    'unhealthy ClusterUnreachable',
    /has no address/,
    'resolve',
    /DNS/,
  ],
  [
    'the resolver hangs',
    named(() => new Promise(() => undefined)),
    'unhealthy ClusterUnreachable',
    /does not resolve|in time/,
    'resolve',
    /DNS/,
  ],
  [
    'the name points to the metadata service',
    named(async () => [{ address: '169.254.169.254', family: 4 }]),
    'unhealthy EgressForbidden',
    /never reached/,
    'resolve',
    /IF_EGRESS_ALLOW/,
  ],
  [
    'the endpoint is the metadata service',
    point({ endpoint: 'https://169.254.169.254' }),
    'unhealthy EgressForbidden',
    /never reached/,
    'resolve',
    /IF_EGRESS_ALLOW/,
  ],
  [
    'the endpoint is an address that is not allowed',
    point({ endpoint: 'https://127.0.0.2' }),
    'unhealthy EgressForbidden',
    /loopback/,
    'resolve',
    /IF_EGRESS_ALLOW/,
  ],
  [
    'the endpoint is plain http that is not allowed',
    point({ endpoint: 'http://127.0.0.1:80' }),
    'unhealthy EgressForbidden',
    /over https/,
    'resolve',
  ],
];

export const CERTIFICATES: readonly Row[] = [
  [
    'plain HTTP is spoken there',
    (world) => world.servePlainHttp(),
    'unhealthy ClusterTlsFailed',
    /does not speak TLS/,
    'tls',
    /plain HTTP/,
  ],
  [
    'the CA is another one',
    point({ ca_cert: FAKE_OTHER_CA }),
    'unhealthy ClusterTlsFailed',
    /does not chain to the given CA/,
    'tls',
    /ca_cert/,
  ],
  [
    'the CA has the same name and another key',
    tls(LASTING_CERTIFICATE, BROKEN_CA_TWIN),
    'unhealthy ClusterTlsFailed',
    /does not chain to the given CA/,
    'tls',
    /ca_cert/,
  ],
  [
    'no CA is given for a private one',
    (world) => delete world.config['ca_cert'],
    'unhealthy ClusterTlsFailed',
    /does not chain/,
    'tls',
    /ca_cert/,
  ],
  [
    'the certificate is self-signed',
    tls(SELF_SIGNED_CERTIFICATE, BROKEN_CA),
    'unhealthy ClusterTlsFailed',
    /does not chain/,
    'tls',
    /ca_cert/,
  ],
  [
    'the certificate has expired',
    tls(EXPIRED_CERTIFICATE, BROKEN_CA),
    'unhealthy ClusterTlsFailed',
    /has expired/,
    'tls',
    /Renew/,
  ],
  [
    'the certificate is not valid yet',
    tls(EARLY_CERTIFICATE, BROKEN_CA),
    'unhealthy ClusterTlsFailed',
    /not valid yet/,
    'tls',
    /clock/,
  ],
  [
    'the certificate is for another name',
    point({ tls_server_name: 'other.test' }),
    'unhealthy ClusterTlsFailed',
    /for another name/,
    'tls',
    /one of the certificate’s names/,
  ],
];

export const CREDENTIALS: readonly Row[] = [
  [
    'the token is unknown',
    point({ token: 'other' }),
    'unhealthy ClusterUnauthorized',
    /not accepted/,
    'authenticate',
    /Rotate/,
  ],
  [
    'the token has expired',
    point({ token: EXPIRED_JWT }),
    'unhealthy ClusterUnauthorized',
    /ended at 2023-11-14/,
    'authenticate',
    /Rotate/,
  ],
  [
    'the token’s file is missing',
    (world) => {
      delete world.config['token'];
      world.config['token_path'] = `${world.directory}/gone`;
    },
    'unhealthy CredentialUnreadable',
    /cannot be read|does not exist/,
    'authenticate',
    /file/,
  ],
  [
    'the token’s file is nowhere allowed',
    (world) => {
      delete world.config['token'];
      world.config['token_path'] = '/etc/hostname';
    },
    'unhealthy CredentialUnreadable',
    /IF_CREDENTIAL_DIRS/,
    'authenticate',
    /file/,
  ],
  [
    'the kubeconfig runs a command',
    (world) => {
      world.config = { auth_method: 'kubeconfig', kubeconfig: 'users: [{name: u, user: {exec: {command: sh}}}]' };
    },
    'unhealthy KubeconfigInvalid',
    /kubeconfig/i,
    'config',
  ],
  [
    'the method does not exist',
    point({ auth_method: 'basic' }),
    'unhealthy ProviderConfigInvalid',
    /auth_method/,
    'config',
  ],
  [
    'no endpoint is given',
    (world) => delete world.config['endpoint'],
    'unhealthy ProviderConfigInvalid',
    /endpoint/,
    'config',
  ],
];
