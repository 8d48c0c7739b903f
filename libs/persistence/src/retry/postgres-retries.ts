import {
  DEFAULT_EPHEMERAL_STORAGE_BYTES,
  memoryBytes,
  type AmountGiven,
  type EscalatedResource,
  type FailureClass,
  type MostToGive,
  type Reason,
  type RetryHistory,
} from '@image-factory/domain';
import type { Database } from '../database/database.js';
import { AVOIDED_PLACES, ENDED_ATTEMPTS, GIVEN_TO_ATTEMPT, LEARN_RESOURCES } from './statements.js';

/** A provider on which an attempt ended so that the next one goes elsewhere when it can. */
export interface AvoidedProvider {
  readonly providerId: string;
  /** The last attempt that ended so there. */
  readonly attempt: number;
  readonly reason: Reason;
  /** The nodes on which attempts ended there, the last one first. */
  readonly nodes: readonly string[];
}

/** What an attempt was given of a resource, and the most that the next one may be given. */
export interface ResourceGiven {
  readonly given: AmountGiven;
  readonly most: MostToGive;
}

interface GivenRow {
  readonly memory_bytes: number;
  readonly memory_limit_bytes: number | null;
  readonly max_memory: string | null;
  readonly largest_node_bytes: number | null;
  readonly ephemeral_storage_bytes: number | null;
  readonly ephemeral_storage_limit_bytes: number | null;
  readonly max_ephemeral_storage: string | null;
  readonly workspace_bytes: number | null;
  readonly max_workspace_size: string | null;
}

interface EndedRow {
  readonly failure_class: FailureClass | null;
  readonly ended: number;
  readonly moved: number;
  readonly elapsed_ms: number;
  readonly moved_ms: number;
}

/** What earlier attempts of a build say about its next one. Attempts that touched no cluster do not count. */
export class PostgresRetries {
  constructor(private readonly database: Database) {}

  /** The build's attempts so far; the one that is ending has no class yet, and counts only for the time. */
  async history(buildId: string): Promise<RetryHistory> {
    const rows = await this.database.query<EndedRow>(ENDED_ATTEMPTS, [buildId]);
    const ended = new Map(rows.map((row) => [row.failure_class, row.ended]));
    return {
      sameClassBefore: (failureClass) => ended.get(failureClass) ?? 0,
      movedBefore: rows.reduce((sum, row) => sum + row.moved, 0),
      elapsedMs: rows.reduce((left, row) => left - row.moved_ms, rows[0]?.elapsed_ms ?? 0),
    };
  }

  /** Undefined when the attempt was given none of it that we know of. */
  async givenTo(executionId: string, resource: EscalatedResource): Promise<ResourceGiven | undefined> {
    const [row] = await this.database.query<GivenRow>(GIVEN_TO_ATTEMPT, [executionId]);
    return row === undefined ? undefined : GIVEN[resource](row);
  }

  /**
   * Later builds of the project that ask for nothing request what this one succeeded with after it had run out of it.
   * Only a success teaches: what fails with any amount must not make the next builds large. A hint: losing it costs one
   * more attempt.
   */
  async learnFrom(projectId: string, buildId: string): Promise<void> {
    await this.database.query(LEARN_RESOURCES, [projectId, buildId]);
  }

  async avoidedProviders(buildId: string): Promise<AvoidedProvider[]> {
    const rows = await this.database.query<{
      provider_id: string;
      attempt: number;
      reason: Reason | null;
      nodes: string[];
    }>(AVOIDED_PLACES, [buildId]);
    return rows.map((row) => ({
      providerId: row.provider_id,
      attempt: row.attempt,
      reason: row.reason ?? 'UnknownFailure',
      nodes: [...new Set(row.nodes)],
    }));
  }
}

const GIVEN: Readonly<Record<EscalatedResource, (row: GivenRow) => ResourceGiven | undefined>> = {
  memory: (row) => amount(row.memory_bytes, row.memory_limit_bytes, row.max_memory, row.largest_node_bytes),
  ephemeral_storage: (row) =>
    amount(
      row.ephemeral_storage_bytes ?? DEFAULT_EPHEMERAL_STORAGE_BYTES,
      row.ephemeral_storage_limit_bytes,
      row.max_ephemeral_storage,
    ),
  workspace_size: (row) =>
    row.workspace_bytes === null ? undefined : amount(row.workspace_bytes, row.workspace_bytes, row.max_workspace_size),
};

function amount(
  requestBytes: number,
  limitBytes: number | null,
  cap: string | null,
  placeBytes: number | null = null,
): ResourceGiven {
  return {
    given: { requestBytes, limitBytes: limitBytes ?? undefined },
    most: { capBytes: cap === null ? undefined : memoryBytes(cap), placeBytes: placeBytes ?? undefined },
  };
}
