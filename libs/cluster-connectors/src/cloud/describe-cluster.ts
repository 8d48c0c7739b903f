import { resolveAccess } from '../auth/connector-table.js';
import type { DescribedCluster } from './cloud-cluster.js';
import type { CloudSessions } from './cloud-sessions.js';

/**
 * Where a cluster is, as its cloud says it to this process's own identity. What the cloud said within the last minutes is
 * not asked for again.
 * @param config the provider config of a cloud's method, without secrets
 * @throws DomainError InvalidInput ProviderConfigInvalid; a CloudReason
 */
export async function describeCluster(
  config: Readonly<Record<string, string>>,
  cloud: CloudSessions,
): Promise<Pick<DescribedCluster, 'server' | 'ca'>> {
  const { server, ca } = await resolveAccess(config['auth_method'], config, {
    fileRules: { allowedDirs: [], anyPath: false },
    cloud,
  });
  return { server, ca: ca?.kind === 'value' ? ca.value : undefined };
}
