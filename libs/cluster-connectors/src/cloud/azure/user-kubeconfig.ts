import { Secret } from '@image-factory/domain';
import type { ClusterIdentity } from '../../connection/cluster-access.js';
import { readYaml } from '../../kubeconfig/read-yaml.js';

/** What the kubeconfig of `listClusterUserCredential` says. */
export interface UserKubeconfig {
  readonly server: string | undefined;
  /** PEM */
  readonly ca: Secret | undefined;
  /** The local account's; undefined when the cluster wants Entra tokens (its user then names a program to run). */
  readonly identity: ClusterIdentity | undefined;
}

/**
 * Reads server, CA and, of a cluster with local accounts, the credential. Nothing that it names is run or opened: the
 * program of an Entra cluster (kubelogin) is passed over. A certificate goes before a token, as servers judge them.
 * @throws DomainError InvalidInput KubeconfigInvalid
 */
export function readUserKubeconfig(text: string): UserKubeconfig {
  const data = record(readYaml(text));
  const contexts = named(data['contexts'], 'context');
  const context = contexts.get(String(data['current-context'])) ?? [...contexts.values()][0] ?? {};
  const cluster = named(data['clusters'], 'cluster').get(String(context['cluster'])) ?? {};
  const user = named(data['users'], 'user').get(String(context['user'])) ?? {};
  return {
    server: textOf(cluster['server'])?.replace(/\/+$/, ''),
    ca: decoded(cluster['certificate-authority-data']),
    identity: identityOf(user),
  };
}

function identityOf(user: Readonly<Record<string, unknown>>): ClusterIdentity | undefined {
  const certificate = decoded(user['client-certificate-data']);
  const key = decoded(user['client-key-data']);
  if (certificate !== undefined && key !== undefined) {
    return {
      kind: 'client-cert',
      certificate: { kind: 'value', value: certificate },
      key: { kind: 'value', value: key },
    };
  }
  const token = textOf(user['token']);
  return token === undefined ? undefined : { kind: 'token', token: { kind: 'value', value: new Secret(token) } };
}

function named(list: unknown, inner: string): Map<string, Readonly<Record<string, unknown>>> {
  const entries = Array.isArray(list) ? list.map(record) : [];
  return new Map(entries.map((entry) => [String(entry['name']), record(entry[inner])]));
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function decoded(value: unknown): Secret | undefined {
  const text = textOf(value);
  return text === undefined ? undefined : new Secret(Buffer.from(text, 'base64').toString('utf8'));
}
