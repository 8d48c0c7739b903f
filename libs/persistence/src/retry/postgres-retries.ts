import type { FailureClass, Reason, RetryHistory } from '@image-factory/domain';
import type { Database } from '../database/database.js';
import { AVOIDED_PROVIDERS, ENDED_ATTEMPTS } from './statements.js';

/** A provider on which an attempt ended so that the next one goes elsewhere when it can. */
export interface AvoidedProvider {
  readonly providerId: string;
  /** The last attempt that ended so there. */
  readonly attempt: number;
  readonly reason: Reason;
}

/** What earlier attempts of a build say about its next one. Attempts that touched no cluster do not count. */
export class PostgresRetries {
  constructor(private readonly database: Database) {}

  /** The build's attempts so far; the one that is ending has no class yet, and counts only for the time. */
  async history(buildId: string): Promise<RetryHistory> {
    const rows = await this.database.query<{ failure_class: FailureClass | null; ended: number; elapsed_ms: number }>(
      ENDED_ATTEMPTS,
      [buildId],
    );
    const ended = new Map(rows.map((row) => [row.failure_class, row.ended]));
    return {
      sameClassBefore: (failureClass) => ended.get(failureClass) ?? 0,
      elapsedMs: Math.max(0, ...rows.map((row) => row.elapsed_ms)),
    };
  }

  async avoidedProviders(buildId: string): Promise<AvoidedProvider[]> {
    const rows = await this.database.query<{ provider_id: string; attempt: number; reason: Reason | null }>(
      AVOIDED_PROVIDERS,
      [buildId],
    );
    return rows.map((row) => ({
      providerId: row.provider_id,
      attempt: row.attempt,
      reason: row.reason ?? 'UnknownFailure',
    }));
  }
}
