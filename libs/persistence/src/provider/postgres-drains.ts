import type { ExecutionOutcome, ExecutionState } from '@image-factory/domain';
import type { Database } from '../database/database.js';
import { orUndefined } from '../sql/assignments.js';

/** One attempt that is still on a provider: reserved, running, or not yet removed from its cluster. */
export interface DrainingExecution {
  readonly executionId: string;
  readonly buildId: string;
  readonly tenantId: string;
  readonly attempt: number;
  readonly state: ExecutionState;
  /** The drain stops it, or has stopped it: another attempt follows elsewhere. */
  readonly moving: boolean;
  readonly outcome: ExecutionOutcome | undefined;
  readonly placedAt: Date | undefined;
}

/** What is left on a provider. */
export interface DrainProgress {
  /** Attempts without an outcome. */
  readonly remaining: number;
  /** Those that the drain stops, and those that it stopped and that are not over yet. */
  readonly moving: number;
  /** Attempts with an outcome that are sealed, promoted or removed now. */
  readonly finishing: number;
  /** The oldest first. */
  readonly executions: readonly DrainingExecution[];
}

interface CountRow {
  readonly remaining: number;
  readonly moving: number;
  readonly finishing: number;
}

interface ExecutionRow {
  readonly id: string;
  readonly build_id: string;
  readonly tenant_id: string;
  readonly attempt: number;
  readonly state: ExecutionState;
  readonly moving: boolean;
  readonly outcome: ExecutionOutcome | null;
  readonly placed_at: Date | null;
}

const MOVING = `(stop_intent = 'Drain' AND finished_at IS NULL)`;
/** From reserved to swept. Index: build_executions_shard. Locks nothing. */
const LEFT = `FROM build_executions
 WHERE provider_id = $1 AND state <> 'placing' AND state <> 'released' AND swept_at IS NULL`;

const COUNT_LEFT = `
  SELECT (count(*) FILTER (WHERE outcome IS NULL AND finished_at IS NULL))::integer AS remaining,
         (count(*) FILTER (WHERE ${MOVING}))::integer AS moving,
         (count(*) FILTER (WHERE outcome IS NOT NULL OR finished_at IS NOT NULL))::integer AS finishing
    ${LEFT}`;

const LIST_LEFT = `
  SELECT id, build_id, tenant_id, attempt, state, coalesce(${MOVING}, false) AS moving, outcome, placed_at
    ${LEFT}
   ORDER BY id
   LIMIT $2`;

/** How far the drain of a provider is. What a provider that is not drained still has is counted in the same way. */
export class PostgresDrains {
  constructor(private readonly database: Database) {}

  /** At most `limit` executions are listed; all are counted. */
  async progress(providerId: string, limit: number): Promise<DrainProgress> {
    const [[counts], rows] = await Promise.all([
      this.database.query<CountRow>(COUNT_LEFT, [providerId]),
      this.database.query<ExecutionRow>(LIST_LEFT, [providerId, limit]),
    ]);
    const { remaining = 0, moving = 0, finishing = 0 } = counts ?? {};
    return { remaining, moving, finishing, executions: rows.map(toDraining) };
  }
}

function toDraining(row: ExecutionRow): DrainingExecution {
  return {
    executionId: row.id,
    buildId: row.build_id,
    tenantId: row.tenant_id,
    attempt: row.attempt,
    state: row.state,
    moving: row.moving,
    outcome: orUndefined(row.outcome),
    placedAt: orUndefined(row.placed_at),
  };
}
