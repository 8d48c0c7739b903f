import type { ClusterConnection } from '@image-factory/cluster-connectors';
import type { Clock, Provider } from '@image-factory/domain';
import type { Logger } from '@image-factory/telemetry';

const WARN_MS = 14 * 24 * 3_600_000;

/** Warns of a credential that nobody renews and that ends soon: once for each connection that is made with it. */
export async function warnOfExpiry(
  provider: Pick<Provider, 'id' | 'name'>,
  connection: Pick<ClusterConnection, 'credential'>,
  clock: Clock,
  logger: Logger,
): Promise<void> {
  const credential = await connection.credential().catch(() => undefined);
  if (credential?.expiresAt === undefined || credential.renewed) return;
  const leftMs = credential.expiresAt.getTime() - clock.now().getTime();
  if (leftMs > WARN_MS) return;
  const message = leftMs > 0 ? 'The credential of a provider ends soon.' : 'The credential of a provider has ended.';
  const expiresAt = credential.expiresAt.toISOString();
  logger.warn(message, { providerId: provider.id, provider: provider.name, expiresAt });
}
