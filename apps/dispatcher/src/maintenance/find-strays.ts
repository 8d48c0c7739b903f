import {
  isTerminalExecutionState,
  type ExecutionFollower,
  type FoundObject,
  type FoundRun,
} from '@image-factory/domain';
import type { PostgresOwnership, RunOwner } from '@image-factory/persistence';
import { validate as isUuid } from 'uuid';

/** What was found on a cluster: a run, or an attempt's Secret. */
export type Found = FoundObject & Partial<Pick<FoundRun, 'uid' | 'ended'>>;

/** Where an object of ours stands against the rows. */
export interface Standings {
  /** Of attempts that are over and swept: late ones, from a dispatcher that was frozen. */
  readonly late: readonly Found[];
  /** Of builds that are known here, by attempts of which the rows do not say that they were placed there. */
  readonly strays: readonly Found[];
  /** Without any row. */
  readonly unknown: readonly Found[];
}

/** Runs and Secrets of our installation on the shards held; `fresh`: as the place has them now, not its watch. */
export async function findObjects(follower: ExecutionFollower, fresh: boolean): Promise<readonly Found[]> {
  const runs = await follower.listRuns({ fresh });
  const credentials = await follower.listCredentials();
  return credentials.kind === 'listed' ? [...runs, ...credentials.found] : runs;
}

/** Compares objects with their rows, which are read after them: whatever was placed before is seen. */
export async function compareObjects(ownership: PostgresOwnership, objects: readonly Found[]): Promise<Standings> {
  const asked = new Map<string, { executionId: string; buildId: string | undefined }>();
  for (const { executionId, buildId } of objects) {
    if (executionId === undefined || !isUuid(executionId)) continue;
    asked.set(executionId, { executionId, buildId: isUuid(buildId) ? buildId : undefined });
  }
  const rows = asked.size === 0 ? [] : await ownership.ownersOfRuns([...asked.values()]);
  const owners = new Map(rows.map((owner) => [owner.executionId, owner]));
  const standings = { expected: [], late: [], strays: [], unknown: [] } as Record<Standing, Found[]>;
  for (const found of objects) standings[standingOf(found, owners.get(found.executionId ?? ''))].push(found);
  return standings;
}

type Standing = 'expected' | keyof Standings;

/**
 * A row expects an object where its attempt was placed and until it is swept. One that is not placed yet, or elsewhere,
 * does not, nor does a build whose attempt is not there at all: the commit of that placement was lost.
 */
export function standingOf(found: Pick<Found, 'clusterUid' | 'namespace'>, owner: RunOwner | undefined): Standing {
  if (owner === undefined || !owner.hasBuild) return 'unknown';
  if (owner.clusterUid !== found.clusterUid || owner.namespace !== found.namespace) return 'strays';
  return owner.swept && owner.state !== undefined && isTerminalExecutionState(owner.state) ? 'late' : 'expected';
}
