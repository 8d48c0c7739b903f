import { type CloudSessions, openClusterConnection } from '@image-factory/cluster-connectors';
import { ConnectionPool } from '@image-factory/cluster-registry';
import type { EgressPolicy } from '@image-factory/egress';
import { createSilentLogger } from '@image-factory/telemetry';
import type { FakeClock, InMemoryProviderRepository } from '@image-factory/test-support';

/** A pool over real connections to cloud clusters, whose credentials come through `cloud`. */
export function cloudPool(parts: {
  readonly providers: InMemoryProviderRepository;
  readonly egress: EgressPolicy;
  readonly clock: FakeClock;
  readonly cloud: CloudSessions;
}): ConnectionPool {
  const { providers, egress, clock, cloud } = parts;
  const context = { fileRules: { allowedDirs: [], anyPath: false }, cloud };
  return new ConnectionPool({
    providers,
    connect: (provider, credential) => openClusterConnection(provider, credential, { egress, clock, context }),
    clock,
    logger: createSilentLogger(),
  });
}
