import { Inject, Injectable } from '@nestjs/common';
import { checkReadiness, ConnectionPool, type Readiness } from '@image-factory/cluster-registry';
import { Clock, DomainError, NAMESPACE_PREFIX } from '@image-factory/domain';
import { PostgresProviders, PostgresTenantNamespaces, PostgresTenants } from '@image-factory/persistence';
import { refuseIssues } from '../../http/validation/validate-request.js';
import type { ReadinessRequest } from '../manage/provider.request.js';

/** Asks a cluster whether builds can run there, in all namespaces or in the one of a tenant. */
@Injectable()
export class CheckProviderReadiness {
  constructor(
    @Inject(PostgresProviders) private readonly providers: PostgresProviders,
    @Inject(PostgresTenants) private readonly tenants: PostgresTenants,
    @Inject(PostgresTenantNamespaces) private readonly namespaces: PostgresTenantNamespaces,
    @Inject(ConnectionPool) private readonly pool: ConnectionPool,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** @throws DomainError NotFound ProviderNotFound; InvalidInput NotYetSupported, ValidationFailed */
  async execute(id: string, request: ReadinessRequest): Promise<Readiness> {
    refuseProbes(request);
    const provider = await this.providers.get(id);
    const namespace = request.tenant_id === undefined ? undefined : await this.namespaceOf(id, request.tenant_id);
    return checkReadiness({
      provider,
      connections: this.pool,
      clock: this.clock,
      ...(namespace === undefined ? {} : { namespace }),
    });
  }

  /** The one that was chosen when the tenant first built there; before that, the first candidate. */
  private async namespaceOf(providerId: string, tenantId: string): Promise<string> {
    const tenant = await this.tenants.find(tenantId);
    refuseIssues(tenant === undefined ? [{ path: 'tenant_id', message: 'names no tenant' }] : []);
    const chosen = await this.namespaces.find(providerId, tenantId);
    return chosen?.name ?? NAMESPACE_PREFIX + tenantId.slice(0, 8).toLowerCase();
  }
}

/** They would create objects on the cluster, which is not done yet: better refused than silently left out. */
function refuseProbes(request: ReadinessRequest): void {
  const asked = (['probe_pvc', 'probe_rbac'] as const).filter((probe) => request[probe] !== undefined);
  if (asked.length === 0) return;
  throw new DomainError({
    kind: 'InvalidInput',
    reason: 'NotYetSupported',
    message: `${asked.join(' and ')} cannot be asked for yet; leave it out`,
    issues: asked.map((path) => ({ path, message: 'is not supported yet; leave it out' })),
  });
}
