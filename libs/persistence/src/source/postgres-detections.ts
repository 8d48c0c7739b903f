import { type DetectedCapabilities, mergeDetected } from '@image-factory/domain';
import type { Database } from '../database/database.js';

/** What was found on clusters, and whose turn it is to look. */
export class PostgresDetections {
  constructor(private readonly database: Database) {}

  /**
   * Providers that are due, each for one dispatcher until `intervalMs` from now. Clusters that nobody reaches are left for
   * a later round. Locks: the taken rows; locked ones are skipped.
   */
  async claimDue(intervalMs: number, limit: number): Promise<readonly string[]> {
    const rows = await this.database.query<{ id: string }>(
      `UPDATE providers SET detect_due_at = now() + make_interval(secs => $1 / 1000.0 * (0.9 + 0.2 * random()))
        WHERE id IN (SELECT id FROM providers
                      WHERE detect_due_at <= now() AND state <> 'disabled' AND provider_type <> 'local'
                        AND health IN ('healthy', 'degraded')
                      ORDER BY detect_due_at LIMIT $2 FOR UPDATE SKIP LOCKED)
        RETURNING id`,
      [intervalMs, limit],
    );
    return rows.map((row) => row.id);
  }

  /**
   * Stores a look over the one before (`mergeDetected`). `superseded`: the provider's config has changed since the look's
   * connection was made; nothing is stored, and it is due again. Index: the key. Locks: the row.
   */
  async record(providerId: string, look: DetectedCapabilities): Promise<'recorded' | 'superseded'> {
    return this.database.transaction(async (tx) => {
      const [row] = await tx.query<{ generation: number; detected: DetectedCapabilities | null }>(
        'SELECT generation, detected FROM providers WHERE id = $1 FOR UPDATE',
        [providerId],
      );
      if (row?.generation !== look.generation) {
        await tx.query('UPDATE providers SET detect_due_at = now() WHERE id = $1', [providerId]);
        return 'superseded';
      }
      const detected = mergeDetected(row.detected ?? undefined, look);
      await tx.query('UPDATE providers SET detected = $2 WHERE id = $1', [providerId, JSON.stringify(detected)]);
      return 'recorded';
    });
  }
}
