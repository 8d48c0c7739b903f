import type { BuildMethod, InfrastructureType } from '@image-factory/domain';
import { v4 as uuidv4, v7 as uuidv7 } from 'uuid';
import { toBuildConfig } from '../build/build-row.js';
import type { Database, Transaction } from '../database/database.js';
import { isLockTimeout } from '../database/sql-state.js';
import type { ClaimedExecution, ClaimRequest, ClaimResult } from './claimed-execution.js';
import { allotLanes, type LaneRoom } from './lane-allotment.js';
import { CLAIM_HEADS, CLAIM_LANE_WAITING, CLAIM_LANES, CLAIM_LEFT, CLAIM_WRITE } from './statements.js';

/** Most builds of one claim: the statements' arrays and the time for which lanes stay locked are bounded by it. */
export const MAX_CLAIM = 500;
const LANE_WAIT_MS = 250;

/**
 * Only builds_claim yields the heads in their order; without this, statistics from an idle time make the planner sort
 * a tenant's whole history instead (the plan guard in the tests shows it).
 */
export const CLAIM_SETTINGS = ['enable_sort = off', `lock_timeout = ${LANE_WAIT_MS}`] as const;

interface LaneRow {
  readonly tenant_id: string;
  readonly queued: number;
  readonly running: number;
  readonly max_running: number;
  readonly weight: number;
}

interface ClaimedRow {
  readonly execution_id: string;
  readonly claim_token: string;
  readonly build_id: string;
  readonly tenant_id: string;
  readonly project_id: string;
  readonly build_number: number;
  readonly attempt: number;
  readonly bounces: number;
  readonly build_method: BuildMethod;
  readonly infrastructure_type: InfrastructureType;
  readonly requested_provider_id: string | null;
  readonly git_branch: string | null;
  readonly git_commit: string | null;
  readonly image_repository: string | null;
  readonly build_timeout_minutes: number;
  readonly start_limit_minutes: number;
  readonly traceparent: string | null;
  readonly waited_seconds: number;
  readonly config: Record<string, unknown>;
  readonly git_repository_url: string;
  readonly registry_auth_id: string | null;
  readonly repository_auth_id: string | null;
  readonly tekton_enabled: boolean;
  readonly allowed_methods: BuildMethod[];
}

/**
 * Claims up to `limit` builds in one short transaction of four statements, whatever the limit: lock lanes with room,
 * read exactly as many heads as each was allotted, write everything. Two claimers never meet: locked lanes are skipped,
 * and when all are, the claimer waits a moment for one of them.
 */
export async function claimBuilds(database: Database, request: ClaimRequest): Promise<ClaimResult> {
  const limit = Math.min(request.limit, MAX_CLAIM);
  if (limit < 1) return { claimed: [], skippedForLimit: 0 };
  try {
    return await database.transaction(
      async (tx) => {
        let lanes = await tx.query<LaneRow>(CLAIM_LANES, [limit]);
        const claimed = await claimFrom(tx, lanes, limit, request.dispatcherId);
        if (claimed.length >= limit) return { claimed, skippedForLimit: 0 };
        const [left] = await tx.query<{ skipped: number; ready: boolean }>(CLAIM_LEFT);
        const skippedForLimit = left?.skipped ?? 0;
        if (claimed.length > 0 || left?.ready !== true) return { claimed, skippedForLimit };
        lanes = await tx.query<LaneRow>(CLAIM_LANE_WAITING);
        return { claimed: await claimFrom(tx, lanes, limit, request.dispatcherId), skippedForLimit };
      },
      { settings: CLAIM_SETTINGS },
    );
  } catch (error) {
    if (isLockTimeout(error)) return { claimed: [], skippedForLimit: 0 };
    throw error;
  }
}

async function claimFrom(
  tx: Transaction,
  lanes: readonly LaneRow[],
  limit: number,
  dispatcherId: string,
): Promise<ClaimedExecution[]> {
  const allotments = allotLanes(lanes.map(toLaneRoom), limit);
  if (allotments.length === 0) return [];
  const heads = await tx.query<{ id: string }>(CLAIM_HEADS, [
    allotments.map((allotment) => allotment.tenantId),
    allotments.map((allotment) => allotment.count),
  ]);
  if (heads.length === 0) return [];
  const buildIds = heads.map((head) => head.id);
  const rows = await tx.query<ClaimedRow>(CLAIM_WRITE, [
    buildIds,
    buildIds.map(() => uuidv7()),
    buildIds.map(() => uuidv4()),
    dispatcherId,
  ]);
  const order = new Map(buildIds.map((id, position) => [id, position]));
  return rows.map(toClaimed).sort((a, b) => (order.get(a.buildId) ?? 0) - (order.get(b.buildId) ?? 0));
}

function toLaneRoom(row: LaneRow): LaneRoom {
  return {
    tenantId: row.tenant_id,
    queued: row.queued,
    running: row.running,
    maxRunning: row.max_running,
    weight: row.weight,
  };
}

function toClaimed(row: ClaimedRow): ClaimedExecution {
  return {
    executionId: row.execution_id,
    claimToken: row.claim_token,
    buildId: row.build_id,
    tenantId: row.tenant_id,
    projectId: row.project_id,
    buildNumber: row.build_number,
    attempt: row.attempt,
    bounces: row.bounces,
    buildMethod: row.build_method,
    infrastructureType: row.infrastructure_type,
    requestedProviderId: row.requested_provider_id ?? undefined,
    config: toBuildConfig(row.config),
    gitRepositoryUrl: row.git_repository_url,
    gitBranch: row.git_branch ?? undefined,
    gitCommit: row.git_commit ?? undefined,
    imageRepository: row.image_repository ?? undefined,
    registryAuthId: row.registry_auth_id ?? undefined,
    repositoryAuthId: row.repository_auth_id ?? undefined,
    buildTimeoutMinutes: row.build_timeout_minutes,
    startLimitMinutes: row.start_limit_minutes,
    traceparent: row.traceparent ?? undefined,
    waitedSeconds: row.waited_seconds,
    tektonEnabledForTenant: row.tekton_enabled,
    allowedMethods: row.allowed_methods,
  };
}
