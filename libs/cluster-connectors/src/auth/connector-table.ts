import { AUTH_METHODS, type AuthMethod, DomainError } from '@image-factory/domain';
import type { ClusterAccess } from '../connection/cluster-access.js';
import { aksManagedIdentityStrategy } from './aks-managed-identity-strategy.js';
import type { CloudStrategy } from './cloud-access.js';
import { clientCertStrategy } from './client-cert-strategy.js';
import type { ConfigFields, ConnectorContext, ConnectorStrategy } from './connector-strategy.js';
import { eksIamStrategy } from './eks-iam-strategy.js';
import { gkeWorkloadIdentityStrategy } from './gke-workload-identity-strategy.js';
import { inClusterStrategy } from './in-cluster-strategy.js';
import { kubeconfigStrategy } from './kubeconfig-strategy.js';
import { tokenStrategy } from './token-strategy.js';

/** Auth method → strategy: the only list of them. */
export const connectorTable: Readonly<Record<AuthMethod, ConnectorStrategy>> = {
  token: tokenStrategy,
  'client-cert': clientCertStrategy,
  kubeconfig: kubeconfigStrategy,
  'in-cluster': inClusterStrategy,
  'eks-iam': eksIamStrategy,
  'gke-workload-identity': gkeWorkloadIdentityStrategy,
  'aks-managed-identity': aksManagedIdentityStrategy,
};

/** True for a method that has a strategy. */
export function isAuthMethod(method: unknown): method is AuthMethod {
  return typeof method === 'string' && (AUTH_METHODS as readonly string[]).includes(method);
}

/** True for a method whose cloud is asked where the cluster is. */
export function isCloudMethod(method: unknown): boolean {
  return isAuthMethod(method) && isCloudStrategy(connectorTable[method]);
}

/** True for the strategy of a cloud's method. */
export function isCloudStrategy(strategy: ConnectorStrategy): strategy is CloudStrategy {
  return 'cloud' in strategy;
}

/**
 * Access to a cluster by a provider's config.
 * @throws DomainError InvalidInput ProviderConfigInvalid, KubeconfigInvalid, CredentialUnreadable; a CloudReason
 */
export async function resolveAccess(
  method: string | undefined,
  fields: ConfigFields,
  context: ConnectorContext,
): Promise<ClusterAccess> {
  if (!isAuthMethod(method)) {
    throw new DomainError({
      kind: 'InvalidInput',
      reason: 'ProviderConfigInvalid',
      message: `There is no auth_method "${method ?? ''}"; there are ${AUTH_METHODS.join(', ')}.`,
      details: { outcome: 'notSent' },
    });
  }
  return connectorTable[method].access(fields, context);
}
