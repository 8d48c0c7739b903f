import { DomainError } from '@image-factory/domain';
import { type ConnectorStrategy, routeAccess } from './connector-strategy.js';

const SERVICE_ACCOUNT_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The cluster in which this process runs, as its own ServiceAccount; token and CA are read again as kubelet rotates them. */
export const inClusterStrategy: ConnectorStrategy = {
  method: 'in-cluster',
  validate: () => [],
  async access(fields, context) {
    const location = context.inCluster;
    if (location === undefined) {
      throw new DomainError({
        kind: 'InvalidInput',
        reason: 'ProviderConfigInvalid',
        message: 'This process does not run in a pod: auth_method in-cluster needs KUBERNETES_SERVICE_HOST.',
        details: { outcome: 'notSent' },
      });
    }
    const directory = location.directory ?? SERVICE_ACCOUNT_DIRECTORY;
    const host = location.host.includes(':') ? `[${location.host}]` : location.host;
    return {
      server: `https://${host}:${location.port}`,
      ca: { kind: 'file', path: `${directory}/ca.crt`, trusted: true },
      ...routeAccess(fields),
      identity: { kind: 'token', token: { kind: 'file', path: `${directory}/token`, trusted: true } },
    };
  },
};
