import type { DiscoveryClouds } from './discovery-clouds.js';
import type { DiscoveryScope, ScopeListing } from './found-cluster.js';
import { listAks } from './list-aks.js';
import { listEks } from './list-eks.js';
import { listGke } from './list-gke.js';

const SCOPES_AT_ONCE = 6;

/**
 * Lists every scope, some at a time, and hands each listing over as it comes. One scope never keeps another waiting for
 * longer than its turn; what the signal ends is a problem of its scope. @throws only what `onListed` throws
 */
export async function discover(
  scopes: readonly DiscoveryScope[],
  clouds: DiscoveryClouds,
  signal: AbortSignal,
  onListed: (listing: ScopeListing) => Promise<void>,
): Promise<void> {
  const waiting = [...scopes];
  const next = async (): Promise<void> => {
    for (let scope = waiting.shift(); scope !== undefined; scope = waiting.shift()) {
      await onListed(await listScope(scope, clouds, signal));
    }
  };
  await Promise.all(Array.from({ length: SCOPES_AT_ONCE }, next));
}

function listScope(scope: DiscoveryScope, clouds: DiscoveryClouds, signal: AbortSignal): Promise<ScopeListing> {
  if (scope.cloud === 'aws') return listEks(scope.region, clouds, signal);
  if (scope.cloud === 'gcp') return listGke(scope.project, scope.location, clouds, signal);
  return listAks(scope.subscription, scope.azureCloud, clouds, signal);
}
