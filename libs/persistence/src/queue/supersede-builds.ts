import type { Concurrency } from '@image-factory/domain';
import type { Transaction } from '../database/database.js';
import { FIND_KEY_BUILDS, FIND_KEY_HOLDER, LOCK_KEY_RUNNING } from './blocking-statements.js';
import { endQueued } from './end-queued-builds.js';
import { CANCEL_RUNNING_WRITE } from './placement-statements.js';
import { LOCK_LANES } from './statements.js';

/** Looks again this often when a build moved between the look and the lock. */
const LOOKS = 20;

/** A submission with a concurrency key, before its build is there. */
export interface KeyedSubmission {
  readonly tenantId: string;
  readonly projectId: string;
  readonly concurrency: Concurrency;
  readonly buildNumber: number;
  readonly actor: string;
}

/** What a submission did to other builds of its key: told to those who follow them after the commit. */
export interface Superseded {
  readonly buildIds: readonly string[];
  /** Attempts that have to be stopped. */
  readonly executionIds: readonly string[];
}

export type KeyDecision =
  | { readonly kind: 'free'; readonly superseded: Superseded }
  | { readonly kind: 'taken'; readonly buildId: string; readonly buildNumber: number; readonly status: string };

interface RunningRow {
  readonly execution_id: string;
  readonly build_id: string;
}

interface KeyBuildRow {
  readonly id: string;
  readonly tenant_id: string;
  readonly status: 'queued' | 'running';
}

const NOTHING: Superseded = { buildIds: [], executionIds: [] };

/**
 * Applies the policy of a new build's key to the others, in the transaction that submits it. The caller has locked the
 * project's row, so submissions of one key follow each other. No cluster is asked: what never started ends here, what
 * runs gets a stop intent that its owner carries out.
 *
 * Locks: executions and builds that run, then the tenant's lane, then builds that are queued (skipping locked ones). A
 * build that was claimed in between is seen under the lane, and everything since the savepoint is done again.
 */
export async function decideKey(tx: Transaction, submission: KeyedSubmission): Promise<KeyDecision> {
  const { projectId, concurrency } = submission;
  if (concurrency.policy === 'queue') return { kind: 'free', superseded: NOTHING };
  if (concurrency.policy === 'reject') {
    const [holder] = await tx.query<{ id: string; build_number: number; status: string }>(FIND_KEY_HOLDER, [
      projectId,
      concurrency.key,
    ]);
    if (holder === undefined) return { kind: 'free', superseded: NOTHING };
    return { kind: 'taken', buildId: holder.id, buildNumber: holder.build_number, status: holder.status };
  }
  for (let look = 0; look < LOOKS; look += 1) {
    await tx.query('SAVEPOINT key');
    const superseded = await supersede(tx, submission, concurrency.policy === 'cancel_running');
    await tx.query(superseded === undefined ? 'ROLLBACK TO SAVEPOINT key' : 'RELEASE SAVEPOINT key');
    if (superseded !== undefined) return { kind: 'free', superseded };
  }
  throw new Error(`builds of the key ${JSON.stringify(concurrency.key)} moved at every one of ${LOOKS} looks`);
}

/** Undefined: a build that should be stopped began to run after those that run were locked. */
async function supersede(
  tx: Transaction,
  submission: KeyedSubmission,
  stopsRunning: boolean,
): Promise<Superseded | undefined> {
  const { tenantId, projectId, concurrency, buildNumber, actor } = submission;
  const message = `superseded by build ${buildNumber}, which has the same concurrency key`;
  const running = stopsRunning ? await tx.query<RunningRow>(LOCK_KEY_RUNNING, [projectId, concurrency.key]) : [];
  for (const row of running) {
    await tx.query(CANCEL_RUNNING_WRITE, [row.build_id, row.execution_id, actor, message, 'Superseded']);
  }
  await tx.query(LOCK_LANES, [[tenantId]]);
  const others = await tx.query<KeyBuildRow>(FIND_KEY_BUILDS, [projectId, concurrency.key]);
  if (stopsRunning && others.some((row) => row.status === 'running')) return undefined;
  const queued = others.filter((row) => row.status === 'queued');
  const ended =
    queued.length === 0
      ? []
      : await endQueued(tx, { builds: queued, status: 'cancelled', reason: 'Superseded', message, actor });
  return {
    buildIds: [...running.map((row) => row.build_id), ...ended.map((build) => build.id)],
    executionIds: running.map((row) => row.execution_id),
  };
}
