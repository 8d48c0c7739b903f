import { setTimeout as sleep } from 'node:timers/promises';
import { DomainError, isDomainError, isLeaseLost } from '@image-factory/domain';
import type { OwnedExecution, TagWinner } from '@image-factory/persistence';
import type { ExecutionScope } from '../execution/execution-scope.js';
import { backOffMs } from '../loop/back-off.js';

/** A tag that others put at the same time is looked at this often before the round is given up. */
const LOOKS = 5;
const RETRY = { baseMs: 1_000, capMs: 30_000 };

/** A tag that does not name what its winner's build reports, and why. */
export interface UnsettledTag {
  readonly winner: TagWinner;
  readonly error: DomainError;
  /** It was seen to name something else; false when it could not be looked at. */
  readonly readsOther: boolean;
}

/**
 * Brings the registry's tags of a build to what the rows say (correctness rule 5).
 *
 * Model: the registry has no order, the last manifest that arrives stands; the rows have one. So whoever has put a
 * manifest, be it his own or a winner's that he put back, then reads the rows and the tags again until both agree. Of two
 * that put at the same time the one whose put arrived last looks after it, and one that wins a row later looks after that.
 * A tag without a winner is left as it is: nobody reports it.
 *
 * Failures: a tag that the registry refuses holds up no other. Reading the rows needs no fence, and what is put is
 * what they say, so that a process that has lost its lease may do it too.
 * @throws DomainError DatabaseUnavailable
 */
export async function settleTags(
  scope: ExecutionScope,
  row: OwnedExecution,
  which: (winner: TagWinner) => boolean = () => true,
): Promise<readonly UnsettledTag[]> {
  const unsettled: UnsettledTag[] = [];
  let open = row.tags;
  for (let look = 1; open.length > 0; look += 1) {
    const again: string[] = [];
    const winners = await scope.executions.findTags(row.imageRepository ?? '', open);
    for (const winner of winners.filter(which)) {
      const { tag, digest } = winner;
      let readsOther = false;
      try {
        const found = await scope.publisher.digestOf(row, tag);
        readsOther = found !== digest;
        if (!readsOther) continue;
        if (look > LOOKS) throw readsBackAs(row, tag, found, digest);
        await scope.publisher.putTags(row, digest, [tag], () => true);
        // Both have to be read again.
        again.push(tag);
      } catch (error) {
        if (!isOfRegistry(error)) throw error;
        unsettled.push({ winner, error, readsOther });
      }
    }
    open = again;
  }
  return unsettled;
}

/**
 * After a lease that ended in the middle of puts. The new owner may have settled the tags, and newer builds theirs, before
 * our last manifest arrived; nobody but us knows of it. So this goes on while the database or the registry is away, for
 * as long as a publication may take, beside the work of the shards. It ends with the process, as at a crash.
 */
export async function settleWithoutLease(scope: ExecutionScope, row: OwnedExecution): Promise<void> {
  const until = scope.monotonicMs() + scope.limits.publishLimitMs;
  for (let tries = 0; ; tries += 1) {
    const [left] = await settleTags(scope, row).catch((error: unknown) => [{ error }]);
    if (left === undefined) return;
    const hopeless = 'winner' in left && !left.error.retryable;
    const over = hopeless || scope.monotonicMs() >= until;
    const what = over ? 'are left as they are' : 'are looked at again';
    scope.logger.warn(`the lease ended while tags were put; they ${what}`, {
      execution: row.executionId,
      error: left.error,
    });
    if (over) return;
    await sleep(backOffMs(tries, RETRY), undefined, { ref: false });
  }
}

/** The registry's doing, and not that of our lease or of our database. */
export function isOfRegistry(error: unknown): error is DomainError {
  if (!isDomainError(error) || isLeaseLost(error)) return false;
  return error.reason !== 'DatabaseUnavailable' && error.details['sqlState'] === undefined;
}

function readsBackAs(row: OwnedExecution, tag: string, found: string | undefined, digest: string): DomainError {
  return new DomainError({
    kind: 'Conflict',
    reason: 'RegistryRefused',
    message: `${row.imageRepository}:${tag} reads back as ${found ?? 'missing'} after ${digest} was put`,
    fault: 'cluster',
    retryable: true,
  });
}
