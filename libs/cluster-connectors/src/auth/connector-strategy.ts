import { type AuthMethod, DomainError, type Issue, Secret } from '@image-factory/domain';
import type { CloudSessions, CloudSubject } from '../cloud/cloud-sessions.js';
import type { ClusterAccess, CredentialText } from '../connection/cluster-access.js';
import type { CredentialFileRules } from './credential-file.js';
import { normalServer } from './server-url.js';

/** Provider config fields by product.md's names, with the secrets opened. */
export type ConfigFields = Readonly<Record<string, string | Secret | undefined>>;

/** Where a pod finds its own cluster: from `KUBERNETES_SERVICE_HOST` and `_PORT`, read by the app's config. */
export interface InClusterLocation {
  readonly host: string;
  readonly port: number;
  /** Default `/var/run/secrets/kubernetes.io/serviceaccount`. */
  readonly directory?: string;
}

/** What strategies know besides the config. */
export interface ConnectorContext {
  readonly fileRules: CredentialFileRules;
  readonly inCluster?: InClusterLocation;
  /** Endpoints with plain http are accepted; the egress policy decides which. Default false. */
  readonly allowHttp?: boolean;
  /** The cloud identities of this process; without them the methods of clouds give no access. */
  readonly cloud?: CloudSessions;
  /** Which cluster the access is for: its tokens are kept under it. */
  readonly subject?: CloudSubject;
  readonly now?: () => Date;
}

/** One way in to a cluster. One file per strategy, one table of them. */
export interface ConnectorStrategy {
  readonly method: AuthMethod;
  /** What is wrong with the values that are given; presence, exclusiveness and unknown fields are checked by the table. */
  validate(fields: ConfigFields, context: ConnectorContext): readonly Issue[];
  /**
   * Access by this config. The methods of clouds ask their cloud where the cluster is; no other sends anything.
   * @throws DomainError InvalidInput ProviderConfigInvalid, KubeconfigInvalid or CredentialUnreadable; a CloudReason
   */
  access(fields: ConfigFields, context: ConnectorContext): Promise<ClusterAccess>;
}

/** A field's text, whether it is secret or not; undefined when it is missing or empty. */
export function fieldText(fields: ConfigFields, name: string): string | undefined {
  const value = fields[name];
  const text = value instanceof Secret ? value.reveal() : value;
  return text === undefined || text === '' ? undefined : text;
}

/** A credential that is given as a value or as a path. */
export function credentialText(fields: ConfigFields, valueField: string, pathField: string): CredentialText {
  const value = fieldText(fields, valueField);
  if (value !== undefined) return { kind: 'value', value: new Secret(value) };
  const path = fieldText(fields, pathField);
  if (path !== undefined) return { kind: 'file', path };
  throw missing(`${valueField} or ${pathField}`);
}

/** Server, CA and certificate name: the same for every method with an endpoint. */
export function endpointAccess(fields: ConfigFields): Omit<ClusterAccess, 'identity'> {
  const server = fieldText(fields, 'endpoint') ?? fieldText(fields, 'apiServer');
  if (server === undefined) throw missing('endpoint');
  const hasCa = fieldText(fields, 'ca_cert') !== undefined || fieldText(fields, 'ca_path') !== undefined;
  return {
    server: normalServer(server),
    ca: hasCa ? credentialText(fields, 'ca_cert', 'ca_path') : undefined,
    ...routeAccess(fields),
  };
}

/** How the server is reached: the same for every method. */
export function routeAccess(fields: ConfigFields): Pick<ClusterAccess, 'tlsServerName' | 'proxy'> {
  const proxy = fieldText(fields, 'proxy_url');
  return {
    tlsServerName: fieldText(fields, 'tls_server_name'),
    ...(proxy === undefined ? {} : { proxy: normalServer(proxy) }),
  };
}

function missing(name: string): DomainError {
  return new DomainError({
    kind: 'InvalidInput',
    reason: 'ProviderConfigInvalid',
    message: `The provider config has no ${name}.`,
    details: { outcome: 'notSent' },
  });
}
