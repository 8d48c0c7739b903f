import type { BuildStatus, Reason } from '@image-factory/domain';
import type { Database, Transaction } from '../database/database.js';
import { storableText } from '../sql/storable.js';
import type { CancelRequest, CancelResult } from './claimed-execution.js';
import { CANCEL_LOOK, CANCEL_RUNNING_WRITE, LOCK_LIVE, LOCK_QUEUED } from './placement-statements.js';
import { END_QUEUED_WRITE, FIND_EXPIRED, LOCK_LANES } from './statements.js';
import { unblockAfter } from './unblock-builds.js';
import type { MovedBuild } from './wake-builds.js';

/** Looks again this often when the build moved between the look and the lock. */
const CANCEL_LOOKS = 20;

interface BuildRow {
  readonly id: string;
  readonly tenant_id: string;
}

/** What became of the build, and the execution that has to be stopped. */
export interface CancelledBuild {
  readonly result: CancelResult;
  readonly executionId?: string;
}

/** Queued builds to end: all of them by one reason. */
export interface Ending {
  readonly builds: readonly BuildRow[];
  readonly status: 'failed' | 'cancelled';
  readonly reason: Reason;
  readonly message: string | undefined;
  readonly actor: string;
}

/** Fails queued builds, parked ones too, whose queue clock has run out. */
export async function expireQueuedBuilds(database: Database, limit: number, judgedAt: Date): Promise<MovedBuild[]> {
  const builds = await database.query<BuildRow>(FIND_EXPIRED, [limit, judgedAt]);
  if (builds.length === 0) return [];
  const message = 'waited in the queue for its whole queue_timeout_minutes; raise it, or see why builds wait';
  return database.transaction((tx) =>
    endQueued(tx, { builds, status: 'failed', reason: 'QueueTimeout', message, actor: 'system' }),
  );
}

/**
 * A cancel is legal in every state. A queued build is cancelled at once and touches no cluster; a running one becomes
 * `cancelling` with a stop intent on its execution, and its owner confirms. The first look decides which locks are
 * taken; under them it is checked again, and when the build has moved the look is repeated.
 */
export async function cancelBuild(database: Database, request: CancelRequest): Promise<CancelledBuild> {
  for (let look = 0; look < CANCEL_LOOKS; look += 1) {
    const [build] = await database.query<{ status: BuildStatus }>(CANCEL_LOOK, [request.buildId, request.tenantId]);
    if (build === undefined) return { result: { kind: 'not-found' } };
    const { status } = build;
    if (status === 'completed' || status === 'failed') return { result: { kind: 'finished', status } };
    if (status === 'cancelling' || status === 'cancelled') return { result: { kind: 'already', status } };
    if (status === 'queued') {
      if (await cancelQueued(database, request)) return { result: { kind: 'cancelled', status: 'cancelled' } };
      continue;
    }
    const executionId = await cancelRunning(database, request);
    if (executionId !== undefined) return { result: { kind: 'cancelling', status: 'cancelling' }, executionId };
  }
  throw new Error(`build ${request.buildId} moved at every one of ${CANCEL_LOOKS} looks`);
}

/** The build is locked before it waits for its lane: claims that stand in line there would take it away each time. */
async function cancelQueued(database: Database, request: CancelRequest): Promise<boolean> {
  return database.transaction(async (tx) => {
    const builds = await tx.query<BuildRow>(LOCK_QUEUED, [request.buildId, request.tenantId]);
    if (builds.length === 0) return false;
    const { reason: message, actor } = request;
    const ended = await endQueued(tx, { builds, status: 'cancelled', reason: 'UserCancel', message, actor });
    return ended.length === 1;
  });
}

async function cancelRunning(database: Database, request: CancelRequest): Promise<string | undefined> {
  return database.transaction(async (tx) => {
    const [live] = await tx.query<{ execution_id: string; status: BuildStatus }>(LOCK_LIVE, [
      request.buildId,
      request.tenantId,
    ]);
    if (live?.status !== 'running') return undefined;
    await tx.query(CANCEL_RUNNING_WRITE, [
      request.buildId,
      live.execution_id,
      request.actor,
      request.reason === undefined ? null : storableText(request.reason),
      'UserCancel',
    ]);
    return live.execution_id;
  });
}

/** Ends queued builds under their lanes, and wakes who waited for what they would have taken. */
export async function endQueued(tx: Transaction, ending: Ending): Promise<MovedBuild[]> {
  await tx.query(LOCK_LANES, [[...new Set(ending.builds.map((row) => row.tenant_id))]]);
  const rows = await tx.query<BuildRow>(END_QUEUED_WRITE, [
    ending.builds.map((row) => row.id),
    ending.status,
    ending.reason,
    ending.message === undefined ? null : storableText(ending.message),
    ending.actor,
    ending.status === 'cancelled',
  ]);
  const ended = rows.map((row) => ({ id: row.id, tenantId: row.tenant_id }));
  if (ended.length > 0)
    await unblockAfter(
      tx,
      rows.map((row) => row.id),
    );
  return ended;
}
