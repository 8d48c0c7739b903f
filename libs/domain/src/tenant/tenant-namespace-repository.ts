/** A tenant's namespace on one cluster, as it was ensured last. */
export interface TenantNamespace {
  readonly providerId: string;
  readonly tenantId: string;
  readonly clusterUid: string;
  readonly name: string;
  readonly uid: string;
  /** Hash of everything that was applied there: equal means warm, no cluster write is needed. */
  readonly contentHash: string;
}

/** Where the choice of namespace is kept (product.md: "the choice is stored"). */
export abstract class TenantNamespaceRepository {
  abstract find(providerId: string, tenantId: string): Promise<TenantNamespace | undefined>;
  /** Inserts or replaces. @throws DomainError Conflict NamespaceCollision when another tenant has that name there */
  abstract save(namespace: TenantNamespace): Promise<void>;
}
