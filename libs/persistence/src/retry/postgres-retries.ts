import {
  memoryBytes,
  type FailureClass,
  type MemoryGiven,
  type Reason,
  type RetryHistory,
} from '@image-factory/domain';
import type { Database } from '../database/database.js';
import { AVOIDED_PROVIDERS, ENDED_ATTEMPTS, LEARN_MEMORY, MEMORY_OF_BUILD } from './statements.js';

/** A provider on which an attempt ended so that the next one goes elsewhere when it can. */
export interface AvoidedProvider {
  readonly providerId: string;
  /** The last attempt that ended so there. */
  readonly attempt: number;
  readonly reason: Reason;
}

/** What a build's pod was given, and the most that its tenant may give to one build. */
export interface BuildMemory {
  readonly given: MemoryGiven;
  readonly capBytes: number | undefined;
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

  async memoryOf(buildId: string): Promise<BuildMemory | undefined> {
    const [row] = await this.database.query<{
      memory_bytes: number;
      memory_limit_bytes: number | null;
      max_memory: string | null;
    }>(MEMORY_OF_BUILD, [buildId]);
    if (row === undefined) return undefined;
    return {
      given: { requestBytes: row.memory_bytes, limitBytes: row.memory_limit_bytes ?? undefined },
      capBytes: row.max_memory === null ? undefined : memoryBytes(row.max_memory),
    };
  }

  /** Later builds of the project that ask for no memory begin with so much. A hint: losing it costs one more attempt. */
  async learnMemory(projectId: string, bytes: number): Promise<void> {
    await this.database.query(LEARN_MEMORY, [projectId, bytes]);
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
