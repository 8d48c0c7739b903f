import { DomainError } from '@image-factory/domain';
import type { Transaction } from '../database/database.js';
import type { Fenced } from '../lease/shard-lease.js';
import type { JoinedStatements } from './joined-statements.js';
import type { LockedAttempt } from './lock-attempt.js';
import { SET_PROMOTED } from './statements.js';

/**
 * After the manifest was put: the tags that no newer build has are this build's (correctness rule 5). Undefined when the
 * attempt is not promoting.
 */
export async function markTagsPromoted(
  tx: Transaction,
  attempt: LockedAttempt,
  joined: JoinedStatements,
  digest: string,
): Promise<readonly string[] | undefined> {
  const { id, image_repository: repository, tags } = attempt;
  if (attempt.state !== 'promoting' || repository === null) return undefined;
  const won = await joined.promoteTags({
    executionId: id,
    repository,
    tags,
    buildId: attempt.build_id,
    buildOrdinal: attempt.build_ordinal,
    digest,
  });
  await tx.query(SET_PROMOTED, [id]);
  return tags.filter((tag) => won.has(tag));
}

/** A promotion that could not be written: its caller has to look at the execution again. */
export function promotionRefused(fenced: Exclude<Fenced, 'done'>, executionId: string): DomainError {
  return fenced === 'lease-lost'
    ? new DomainError({
        kind: 'Conflict',
        reason: 'LeaseLost',
        message: `the shard of execution ${executionId} has another owner`,
        fault: 'platform',
      })
    : new DomainError({
        kind: 'Conflict',
        reason: 'Conflict',
        message: `execution ${executionId} is not promoting`,
        fault: 'platform',
      });
}
