import type { PlacementDecision, Reason } from '@image-factory/domain';
import type { Database } from '../database/database.js';
import { NOT_RELEASED } from '../execution/not-released.js';
import { orUndefined } from '../sql/assignments.js';
import {
  EXECUTION_SELECT,
  type ExecutionRow,
  type ExecutionView,
  type StoredDecision,
  toExecutionView,
} from './execution-row.js';

/** One line of a build's timeline. */
export interface BuildEvent {
  /** Counts up; the cursor of the event stream. */
  readonly id: string;
  readonly executionId: string | undefined;
  readonly attempt: number | undefined;
  readonly subject: 'build' | 'execution' | 'waiting';
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly reason: Reason | undefined;
  readonly message: string | undefined;
  readonly actor: string;
  readonly occurredAt: Date;
}

/** Something that a build left behind. */
export interface BuildArtifact {
  readonly id: string;
  readonly executionId: string;
  readonly name: string;
  readonly type: string;
  readonly uri: string;
  readonly digest: string | undefined;
  readonly sizeBytes: number | undefined;
  readonly platform: string | undefined;
  readonly createdAt: Date;
}

/** The stored PipelineRun of an attempt. */
export interface StoredDocument {
  readonly attempt: number;
  /** True when it is the cluster's last word about the run, false when it is what was sent. */
  readonly final: boolean;
  readonly document: unknown;
}

interface EventRow {
  id: string;
  execution_id: string | null;
  attempt: number | null;
  subject: BuildEvent['subject'];
  from_state: string | null;
  to_state: string | null;
  reason: Reason | null;
  message: string | null;
  actor: string;
  occurred_at: Date;
}

interface ArtifactRow {
  id: string;
  execution_id: string;
  name: string;
  type: string;
  uri: string;
  digest: string | null;
  size_bytes: string | null;
  platform: string | null;
  created_at: Date;
}

/** Decisions that were stored before these were. */
const NOTHING_MORE = { candidates: [], more: [] } as const;

/**
 * What happened to a build. Callers have checked that the build is their tenant's. Claims that were given back before
 * any cluster was touched (`released`) are no attempts and are left out; their placement decisions are shown.
 */
export class PostgresBuildHistory {
  constructor(private readonly database: Database) {}

  /** Events after `afterId`, oldest first. */
  async events(buildId: string, afterId: string, limit: number): Promise<readonly BuildEvent[]> {
    const rows = await this.database.query<EventRow>(
      'SELECT * FROM build_events WHERE build_id = $1 AND id > $2 ORDER BY id LIMIT $3',
      [buildId, afterId, limit],
    );
    return rows.map(toBuildEvent);
  }

  /** Attempts, first to last. */
  async executions(buildId: string): Promise<readonly ExecutionView[]> {
    const rows = await this.database.query<ExecutionRow>(
      `${EXECUTION_SELECT} WHERE e.build_id = $1 AND ${NOT_RELEASED} ORDER BY e.attempt, e.claimed_at`,
      [buildId],
    );
    return rows.map(toExecutionView);
  }

  async findExecution(buildId: string, attempt?: number): Promise<ExecutionView | undefined> {
    const [row] = await this.database.query<ExecutionRow>(
      `${EXECUTION_SELECT} WHERE e.build_id = $1 AND ${NOT_RELEASED} AND ($2::int IS NULL OR e.attempt = $2)
        ORDER BY e.attempt DESC, e.claimed_at DESC LIMIT 1`,
      [buildId, attempt ?? null],
    );
    return row === undefined ? undefined : toExecutionView(row);
  }

  /** Newest first, at most `limit`: a build that waits for a provider is decided about often. */
  async decisions(buildId: string, limit: number): Promise<readonly StoredDecision[]> {
    const rows = await this.database.query<{
      execution_id: string;
      attempt: number;
      decided_at: Date;
      decision: PlacementDecision;
    }>(
      `SELECT execution_id, attempt, decided_at, decision FROM placement_decisions
        WHERE build_id = $1 ORDER BY decided_at DESC LIMIT $2`,
      [buildId, limit],
    );
    return rows.map((row) => ({
      executionId: row.execution_id,
      attempt: row.attempt,
      decidedAt: row.decided_at,
      decision: { ...NOTHING_MORE, ...row.decision },
    }));
  }

  async artifacts(buildId: string): Promise<readonly BuildArtifact[]> {
    const rows = await this.database.query<ArtifactRow>(
      'SELECT * FROM build_artifacts WHERE build_id = $1 ORDER BY created_at, name',
      [buildId],
    );
    return rows.map(toArtifact);
  }

  /** Of the latest attempt, or of the one that is named; undefined when nothing was rendered for it yet. */
  async document(buildId: string, attempt?: number): Promise<StoredDocument | undefined> {
    const [row] = await this.database.query<{ attempt: number; document: string; final_document: unknown }>(
      `SELECT attempt, document, final_document FROM build_executions e
        WHERE build_id = $1 AND ${NOT_RELEASED} AND document IS NOT NULL AND ($2::int IS NULL OR attempt = $2)
        ORDER BY attempt DESC LIMIT 1`,
      [buildId, attempt ?? null],
    );
    if (row === undefined) return undefined;
    const final = row.final_document !== null;
    return { attempt: row.attempt, final, document: final ? row.final_document : JSON.parse(row.document) };
  }

  /** What is reserved, runs or is being cleaned on a provider now. Index `build_executions_shard`. */
  async onProvider(providerId: string, limit: number): Promise<readonly ExecutionView[]> {
    const rows = await this.database.query<ExecutionRow>(
      `${EXECUTION_SELECT} WHERE e.provider_id = $1 AND e.swept_at IS NULL
        ORDER BY e.claimed_at DESC LIMIT $2`,
      [providerId, limit],
    );
    return rows.map(toExecutionView);
  }
}

function toBuildEvent(row: EventRow): BuildEvent {
  return {
    id: String(row.id),
    executionId: orUndefined(row.execution_id),
    attempt: orUndefined(row.attempt),
    subject: row.subject,
    from: orUndefined(row.from_state),
    to: orUndefined(row.to_state),
    reason: orUndefined(row.reason),
    message: orUndefined(row.message),
    actor: row.actor,
    occurredAt: row.occurred_at,
  };
}

function toArtifact(row: ArtifactRow): BuildArtifact {
  return {
    id: row.id,
    executionId: row.execution_id,
    name: row.name,
    type: row.type,
    uri: row.uri,
    digest: orUndefined(row.digest),
    sizeBytes: row.size_bytes === null ? undefined : Number(row.size_bytes),
    platform: orUndefined(row.platform),
    createdAt: row.created_at,
  };
}
