import type { Clock, Provider, ProviderCredential } from '@image-factory/domain';
import { egressError, type EgressPolicy } from '@image-factory/egress';
import type { ConnectorContext } from '../auth/connector-strategy.js';
import { resolveAccess } from '../auth/connector-table.js';
import type { PressureOptions } from '../pressure/pressure-options.js';
import { ClusterConnection } from './cluster-connection.js';
import type { ConnectObserver } from './connect-observer.js';

export interface OpenConnectionOptions {
  readonly egress: EgressPolicy;
  readonly context: ConnectorContext;
  readonly clock?: Clock;
  readonly requestTimeoutMs?: number;
  readonly pressure?: Partial<PressureOptions>;
  readonly observer?: ConnectObserver;
}

/**
 * A connection for a stored provider. Paths in the config of a provider that an operator wrote (file, environment) may
 * be anywhere; those of the API must be below an allowed directory. No request is made, but those to a cloud for where
 * its cluster is.
 * @throws DomainError InvalidInput (config), NotAllowed EgressForbidden, a CloudReason
 */
export async function openClusterConnection(
  provider: Pick<Provider, 'id' | 'source' | 'settings'>,
  credential: ProviderCredential,
  options: OpenConnectionOptions,
): Promise<ClusterConnection> {
  const own = provider.source === 'environment' || provider.source === 'file';
  const fileRules = { ...options.context.fileRules, anyPath: own || options.context.fileRules.anyPath };
  const method = provider.settings.authMethod ?? textOf(credential.fields['auth_method']);
  const subject = { clusterId: provider.id, credentialVersion: credential.version };
  const access = await resolveAccess(method, credential.fields, { ...options.context, fileRules, subject });
  const verdict = options.egress.checkLiteral(access.server, 'cluster');
  if (!verdict.allowed) throw egressError(verdict);
  const proxy = access.proxy === undefined ? verdict : options.egress.checkLiteral(access.proxy, 'proxy');
  if (!proxy.allowed) throw egressError(proxy);
  return new ClusterConnection({
    providerId: provider.id,
    generation: credential.generation,
    access,
    egress: options.egress,
    fileRules,
    ...(options.clock === undefined ? {} : { clock: options.clock }),
    ...(options.requestTimeoutMs === undefined ? {} : { requestTimeoutMs: options.requestTimeoutMs }),
    ...(options.observer === undefined ? {} : { observer: options.observer }),
    ...(options.pressure === undefined ? {} : { pressure: options.pressure }),
  });
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
