export const NAMESPACE_PREFIX = 'image-factory-';

/**
 * Candidate names for a tenant's namespace on a cluster, in the order in which they are tried: the contract's 8 hex
 * digits, then 12, then all 32, then 32 and a counter (product.md). A candidate is passed over when it belongs to
 * another tenant or is Terminating.
 */
export function* tenantNamespaceCandidates(tenantId: string, limit = 16): Generator<string> {
  const digits = tenantId.replaceAll('-', '').toLowerCase();
  yield NAMESPACE_PREFIX + digits.slice(0, 8);
  yield NAMESPACE_PREFIX + digits.slice(0, 12);
  yield NAMESPACE_PREFIX + digits;
  for (let counter = 2; counter < limit - 1; counter += 1) {
    yield `${NAMESPACE_PREFIX}${digits}-${counter}`;
  }
}
