import type { DetectedCapabilities } from '@image-factory/domain';
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

  /** Index: the key. Locks: the row. */
  async record(providerId: string, detected: DetectedCapabilities): Promise<void> {
    await this.database.query('UPDATE providers SET detected = $2 WHERE id = $1', [
      providerId,
      JSON.stringify(detected),
    ]);
  }
}
