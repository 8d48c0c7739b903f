import { DomainError } from '@image-factory/domain';
import type { Transaction } from '../database/database.js';
import type { Fenced } from '../lease/shard-lease.js';
import type { JoinedStatements } from './joined-statements.js';
import type { LockedAttempt } from './lock-attempt.js';
import type { PromotedTags, ReservedTags, TagReservation } from './owned-execution.js';
import { FIND_TAGS, PROMOTE_TAGS, SET_PROMOTED } from './statements.js';

/** One row per (repository, tag), ordered by build: the newer build's row wins (correctness rule 5). */
export async function reserveTags(
  attempt: LockedAttempt,
  joined: JoinedStatements,
  { tags, digest }: TagReservation,
): Promise<ReservedTags | undefined> {
  if (attempt.state !== 'promoting' || attempt.image_repository === null) return undefined;
  const granted = await joined.reserveTags({
    repository: attempt.image_repository,
    tags: [...new Set(tags)],
    executionId: attempt.id,
    buildId: attempt.build_id,
    buildOrdinal: attempt.build_ordinal,
    digest,
  });
  return {
    granted: tags.filter((tag) => granted.has(tag)),
    superseded: tags.filter((tag) => !granted.has(tag)),
  };
}

/** After the manifest was put and read back: what is still ours is promoted, what a newer build took is named. */
export async function markTagsPromoted(
  tx: Transaction,
  attempt: LockedAttempt,
  tags: readonly string[],
): Promise<PromotedTags | undefined> {
  if (attempt.state !== 'promoting' || attempt.image_repository === null) return undefined;
  const rows = await tx.query<{ tag: string; build_id: string; digest: string }>(FIND_TAGS, [
    attempt.image_repository,
    tags,
  ]);
  const promoted = rows.filter((row) => row.build_id === attempt.build_id).map((row) => row.tag);
  await tx.query(PROMOTE_TAGS, [attempt.image_repository, promoted, attempt.build_id]);
  await tx.query(SET_PROMOTED, [attempt.id]);
  return {
    promoted,
    superseded: rows
      .filter((row) => row.build_id !== attempt.build_id)
      .map((row) => ({ tag: row.tag, digest: row.digest })),
  };
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
