import { v4 as uuidv4, v7 as uuidv7 } from 'uuid';
import type { Database, Transaction } from '../database/database.js';
import { KEYED_PLANS } from '../database/transaction.js';
import { isLockTimeout } from '../database/sql-state.js';
import {
  CLAIM_GATE,
  CLAIM_GATES,
  CLAIM_HEADS,
  CLAIM_LANE_WAITING,
  CLAIM_LANES,
  CLAIM_LEFT,
  CLAIM_WRITE,
  COUNT_RUNNING,
  LOCK_INSTALLATION,
  PARK_HEADS,
} from './claim-statements.js';
import type { ClaimedExecution, ClaimRequest, ClaimResult } from './claimed-execution.js';
import { type ClaimedRow, toClaimed } from './claimed-row.js';
import { type Allotment, allotLanes, type LaneRoom, LaneTally } from './lane-allotment.js';
import { type BlockedHead, pickHeads, type QueuedHead } from './pick-heads.js';
import { unblockAfter } from './unblock-builds.js';

/** Most builds of one claim: the statements' arrays and the time for which lanes stay locked are bounded by it. */
export const MAX_CLAIM = 500;
/** Most times that one claim reads heads: more than one only where builds were set aside or differ in their figures. */
const MAX_ROUNDS = 12;
const LANE_WAIT_MS = 1_000;
/** Of so many claims one waits for the lane whose turn it is, whatever else is free: others would pass a busy lane over for ever. */
const WAITS_ONE_IN = 16;

/**
 * Only builds_claim yields the heads in their order; without this, statistics from an idle time make the planner sort
 * a tenant's whole history instead (the plan guard in the tests shows it).
 */
export const CLAIM_SETTINGS = ['enable_sort = off', ...KEYED_PLANS, `lock_timeout = ${LANE_WAIT_MS}`] as const;

interface LaneRow {
  readonly tenant_id: string;
  readonly queued: number;
  readonly running: number;
  readonly max_running: number;
  readonly guaranteed: number;
  readonly weight: number;
  readonly running_cpu: number;
  readonly running_memory: number;
  readonly served: number;
  readonly installation_limit: number | null;
  /** Of all providers that take builds; null: no limit. */
  readonly provider_room: number | null;
}

interface LeftRow {
  readonly queued: number;
  readonly skipped: number;
  readonly ready: boolean;
}

/** What one set of lanes gave; `full`: the installation's limit, or those of the providers, hold the rest. */
interface Claim {
  readonly claimed: ClaimedExecution[];
  readonly full: boolean;
}

interface HeadRow {
  readonly id: string;
  readonly tenant_id: string;
  readonly project_id: string;
  readonly cpu_millis: number;
  readonly memory_bytes: number;
  readonly concurrency_key: string | null;
  readonly key_busy: boolean;
  readonly project_limit: number | null;
  readonly project_running: number | null;
}

/**
 * Claims up to `limit` builds in one short transaction of three round trips behind its BEGIN, whatever the limit: pass a
 * gate and lock lanes with room, read the heads that each was allotted and pick by turn, write everything and commit;
 * more only where heads may not start. Two claimers never meet: locked lanes are skipped, and when all are, the claimer
 * waits a moment for one of them. However many claim, a few are under way at once and the others wait at the gates.
 */
export async function claimBuilds(database: Database, request: ClaimRequest): Promise<ClaimResult> {
  const limit = Math.min(request.limit, MAX_CLAIM);
  if (limit < 1) return { claimed: [], skippedForLimit: 0 };
  let claim: Claim = { claimed: [], full: false };
  try {
    claim = await database.transaction(
      async (tx) => {
        const lanes = await lockLanes(tx, limit);
        return lanes.length === 0 ? { claimed: [], full: false } : claimFrom(tx, lanes, limit, request.dispatcherId);
      },
      { settings: CLAIM_SETTINGS },
    );
  } catch (error) {
    if (!isLockTimeout(error)) throw error;
  }
  const { claimed, full } = claim;
  if (claimed.length >= limit) return { claimed, skippedForLimit: 0 };
  const [left] = await database.query<LeftRow>(CLAIM_LEFT);
  return { claimed, skippedForLimit: (full ? left?.queued : left?.skipped) ?? 0 };
}

/** Lanes that are free. When none is, and now and then: one that is waited for, and whatever is free by then. */
async function lockLanes(tx: Transaction, limit: number): Promise<LaneRow[]> {
  const passed = tx.query(CLAIM_GATE, [1 + Math.floor(Math.random() * CLAIM_GATES)]);
  if (Math.random() < 1 / WAITS_ONE_IN) return (await Promise.all([lanesWaited(tx, limit), passed]))[0];
  const [free] = await Promise.all([tx.query<LaneRow>(CLAIM_LANES, [limit]), passed]);
  if (free.length > 0) return free;
  const [left] = await tx.query<LeftRow>(CLAIM_LEFT);
  return left?.ready === true ? lanesWaited(tx, limit) : [];
}

async function lanesWaited(tx: Transaction, limit: number): Promise<LaneRow[]> {
  const [, lanes] = await Promise.all([tx.query(CLAIM_LANE_WAITING), tx.query<LaneRow>(CLAIM_LANES, [limit])]);
  return lanes;
}

async function claimFrom(
  tx: Transaction,
  lanes: readonly LaneRow[],
  limit: number,
  dispatcherId: string,
): Promise<Claim> {
  const room = await installationRoom(tx, lanes, Math.min(limit, lanes[0]?.provider_room ?? limit));
  const tallies = lanes.map((lane) => new LaneTally(toLaneRoom(lane)));
  const windows = new Map<string, number>();
  const claimed: ClaimedExecution[] = [];
  for (let round = 0; round < MAX_ROUNDS && claimed.length < room; round += 1) {
    const left = room - claimed.length;
    const heads = await readHeads(tx, tallies, left, windows);
    const { picked, blocked, unread } = pickHeads(tallies, heads, left);
    const isLast = blocked.length === 0 && (!unread || picked.length === left);
    if (picked.length > 0) claimed.push(...(await take(tx, picked, dispatcherId, isLast)));
    if (blocked.length > 0) await setAside(tx, blocked, heads, tallies, windows);
    if (isLast || !unread || picked.length + blocked.length === 0) break;
  }
  return { claimed, full: claimed.length >= room && room < limit };
}

/** The smaller of `limit` and what the installation's own limit leaves. Nothing is locked or counted without one. */
async function installationRoom(tx: Transaction, lanes: readonly LaneRow[], limit: number): Promise<number> {
  if ((lanes[0]?.installation_limit ?? null) === null) return limit;
  const [installation] = await tx.query<{ max_concurrent_builds: number | null }>(LOCK_INSTALLATION);
  const most = installation?.max_concurrent_builds ?? null;
  if (most === null) return limit;
  const [count] = await tx.query<{ running: number }>(COUNT_RUNNING);
  return Math.min(limit, most - (count?.running ?? 0));
}

/** A lane that has fewer heads than were asked for has no more now, whatever its counter says. */
async function readHeads(
  tx: Transaction,
  tallies: readonly LaneTally[],
  limit: number,
  windows: ReadonlyMap<string, number>,
): Promise<QueuedHead[]> {
  const rooms = tallies.map((tally) => tally.room());
  const allotments: readonly Allotment[] = allotLanes(rooms, limit);
  if (allotments.length === 0) return [];
  const takes = new Map(allotments.map((one) => [one.tenantId, Math.max(one.count, windows.get(one.tenantId) ?? 0)]));
  const rows = await tx.query<HeadRow>(CLAIM_HEADS, [[...takes.keys()], [...takes.values()]]);
  const read = new Map<string, number>();
  for (const row of rows) read.set(row.tenant_id, (read.get(row.tenant_id) ?? 0) + 1);
  for (const tally of tallies) {
    const { tenantId } = tally.lane;
    const found = read.get(tenantId) ?? 0;
    if (found < (takes.get(tenantId) ?? 0)) tally.queued = Math.min(tally.queued, found);
  }
  return rows.map(toHead);
}

/** Parks heads that may not start. One that waits for its key leaves its project's room to the next. */
async function setAside(
  tx: Transaction,
  blocked: readonly BlockedHead[],
  heads: readonly QueuedHead[],
  tallies: readonly LaneTally[],
  windows: Map<string, number>,
): Promise<void> {
  await tx.query(PARK_HEADS, [
    blocked.map((head) => head.buildId),
    blocked.map((head) => head.reason),
    blocked.map((head) => head.message),
    blocked.map((head) => head.wakeOn),
  ]);
  const tenantOf = new Map(heads.map((head) => [head.buildId, head.tenantId]));
  const perLane = new Map<string, number>();
  for (const { buildId } of blocked) {
    const tenantId = tenantOf.get(buildId) ?? '';
    perLane.set(tenantId, (perLane.get(tenantId) ?? 0) + 1);
  }
  for (const [tenantId, count] of perLane) windows.set(tenantId, Math.min(MAX_CLAIM, count * 4));
  const keyed = blocked.filter((head) => head.reason === 'ConcurrencyKeyBusy').map((head) => head.buildId);
  if (keyed.length === 0) return;
  for (const woken of await unblockAfter(tx, keyed)) {
    const tally = tallies.find((one) => one.lane.tenantId === woken.tenantId);
    if (tally !== undefined) tally.queued += 1;
  }
}

/** `isLast`: with the commit right behind it. */
async function take(
  tx: Transaction,
  picked: readonly QueuedHead[],
  dispatcherId: string,
  isLast: boolean,
): Promise<ClaimedExecution[]> {
  const buildIds = picked.map((head) => head.buildId);
  const parameters = [buildIds, buildIds.map(() => uuidv7()), buildIds.map(() => uuidv4()), dispatcherId];
  const rows = isLast
    ? await tx.queryLast<ClaimedRow>(CLAIM_WRITE, parameters)
    : await tx.query<ClaimedRow>(CLAIM_WRITE, parameters);
  const order = new Map(buildIds.map((id, position) => [id, position]));
  return rows.map(toClaimed).sort((a, b) => (order.get(a.buildId) ?? 0) - (order.get(b.buildId) ?? 0));
}

function toHead(row: HeadRow): QueuedHead {
  return {
    buildId: row.id,
    tenantId: row.tenant_id,
    projectId: row.project_id,
    cpuMillis: row.cpu_millis,
    memoryBytes: row.memory_bytes,
    concurrencyKey: row.concurrency_key ?? undefined,
    keyBusy: row.key_busy,
    projectLimit: row.project_limit ?? undefined,
    projectRunning: row.project_running ?? 0,
  };
}

function toLaneRoom(row: LaneRow): LaneRoom {
  return {
    tenantId: row.tenant_id,
    queued: row.queued,
    running: row.running,
    maxRunning: row.max_running,
    weight: row.weight,
    guaranteed: row.guaranteed,
    runningCpu: row.running_cpu,
    runningMemory: row.running_memory,
    served: row.served,
  };
}
