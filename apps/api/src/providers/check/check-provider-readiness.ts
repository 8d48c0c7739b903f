import { Inject, Injectable } from '@nestjs/common';
import { checkReadiness, ConnectionPool, type Readiness } from '@image-factory/cluster-registry';
import { Clock, NAMESPACE_PREFIX } from '@image-factory/domain';
import { PostgresProviders, PostgresTenantNamespaces, PostgresTenants } from '@image-factory/persistence';
import { refuseLater } from '../../http/validation/refuse-later.js';
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
    // They would create objects on the cluster.
    refuseLater((['probe_pvc', 'probe_rbac'] as const).filter((probe) => request[probe] !== undefined));
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
