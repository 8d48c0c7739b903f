import { Inject, Injectable } from '@nestjs/common';
import { adoptedConfig, adoptedProviderId, adoptionIssues } from '@image-factory/cluster-registry';
import { DomainError } from '@image-factory/domain';
import {
  alreadyAdopted,
  type ClusterToAdopt,
  type DiscoveredCluster,
  PostgresDiscoveredClusters,
  PostgresProviders,
} from '@image-factory/persistence';
import { API_BASE } from '../access/route-table.js';
import type { RequestScope } from '../http/request-scope.js';
import { refuseIssues } from '../http/validation/validate-request.js';
import { AuditedWrites } from '../http/write/audited-writes.js';
import { etagOf } from '../http/write/etag.js';
import { type CreatedAnswer, IdempotentWrites } from '../http/write/idempotent-writes.js';
import { ProviderResponse, toProviderResponse } from '../providers/manage/provider.response.js';
import type { AdoptClusterRequest } from './discovery.request.js';

/** Makes a provider of a cluster that discovery has found: from now on builds may run there. */
@Injectable()
export class AdoptCluster {
  constructor(
    @Inject(PostgresDiscoveredClusters) private readonly clusters: PostgresDiscoveredClusters,
    @Inject(PostgresProviders) private readonly providers: PostgresProviders,
    @Inject(IdempotentWrites) private readonly writes: IdempotentWrites,
    @Inject(AuditedWrites) private readonly audited: AuditedWrites,
  ) {}

  /** @throws DomainError NotFound; Conflict AlreadyAdopted, NameTaken; InvalidInput */
  async execute(
    scope: RequestScope,
    id: string,
    request: AdoptClusterRequest,
  ): Promise<CreatedAnswer<ProviderResponse>> {
    return this.writes.run(scope, async () => {
      const cluster = await this.clusters.get(id);
      if (cluster.providerId !== undefined) throw alreadyAdopted(cluster);
      if (cluster.vanishedAt !== undefined) throw vanished(cluster);
      const adoption = toAdoption(cluster, request);
      refuseIssues(adoptionIssues(cluster, request.config ?? {}));
      return async (tx) => {
        await this.clusters.adopt(tx, adoption);
        const provider = await this.providers.get(adoption.providerId, tx);
        const body = toProviderResponse(provider);
        await this.audited.note(tx, scope, {
          action: 'provider.adopt',
          objectType: 'provider',
          objectId: provider.id,
          after: body,
        });
        const location = `${API_BASE}/admin/infrastructure/providers/${provider.id}`;
        return { status: 201, headers: { location, etag: etagOf(provider.updatedAt.getTime()) }, body };
      };
    });
  }
}

function toAdoption(cluster: DiscoveredCluster, request: AdoptClusterRequest): ClusterToAdopt {
  return {
    clusterId: cluster.id,
    providerId: adoptedProviderId(cluster),
    name: request.name ?? cluster.name,
    config: adoptedConfig(cluster, (request.config ?? {}) as Record<string, string>, cluster.facts),
    isGlobal: request.is_global ?? false,
    maxConcurrentBuilds: request.max_concurrent_builds ?? 0,
    capabilities: request.capabilities ?? [],
    labels: request.labels ?? {},
  };
}

function vanished(cluster: DiscoveredCluster): DomainError {
  const since = cluster.vanishedAt?.toISOString() ?? '';
  return new DomainError({
    kind: 'Conflict',
    reason: 'CloudClusterNotFound',
    message: `the cluster ${cluster.id} has not been in its cloud since ${since}; run discovery again`,
  });
}
