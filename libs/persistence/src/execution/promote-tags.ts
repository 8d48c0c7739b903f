import type { Transaction } from '../database/database.js';
import type { LockedAttempt } from './lock-attempt.js';
import { LOCK_TAGS, PROMOTE_TAGS, WITHDRAW_TAGS } from './statements.js';

/** One build whose manifest was put under its tags, in a batch. */
export interface Promotion {
  readonly executionId: string;
  /** `registry/repository` without a tag. */
  readonly repository: string;
  readonly tags: readonly string[];
  readonly buildId: string;
  readonly buildOrdinal: number;
  readonly digest: string;
}

/**
 * Locks the tags that the writes of a batch touch, in one order for all batches, before any of them is changed: two
 * batches that meet at two tags wait for each other only one way round. Tags that have no row yet are made by `promoteAll`
 * in the same order, after this.
 */
export async function lockTags(tx: Transaction, attempts: readonly LockedAttempt[]): Promise<void> {
  const rows = attempts.flatMap(({ image_repository: repository, tags }) => tags.map((tag) => ({ repository, tag })));
  if (rows.length === 0) return;
  await tx.query(LOCK_TAGS, [rows.map(({ repository }) => repository), rows.map(({ tag }) => tag)]);
}

/** All of a batch in one statement; of two that want the same tag only the newer one is asked for. @returns by execution */
export async function promoteAll(
  tx: Transaction,
  promotions: readonly Promotion[],
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const wanted = new Map<string, { of: Promotion; tag: string }>();
  for (const of of [...promotions].sort((a, b) => a.buildOrdinal - b.buildOrdinal)) {
    for (const tag of of.tags) wanted.set(`${of.repository} ${tag}`, { of, tag });
  }
  const all = [...wanted.values()];
  const rows = await tx.query<{ build_id: string; tag: string }>(PROMOTE_TAGS, [
    all.map(({ of }) => of.repository),
    all.map(({ tag }) => tag),
    all.map(({ of }) => of.buildId),
    all.map(({ of }) => of.buildOrdinal),
    all.map(({ of }) => of.digest),
  ]);
  const won = new Map<string, Set<string>>();
  for (const row of rows) won.set(row.build_id, (won.get(row.build_id) ?? new Set()).add(row.tag));
  return new Map(promotions.map(({ executionId, buildId }) => [executionId, won.get(buildId) ?? new Set()]));
}

/** Its publication failed although it had won: the next build that promotes these tags has them. */
export async function withdrawTags(tx: Transaction, attempt: LockedAttempt): Promise<void> {
  await tx.query(WITHDRAW_TAGS, [attempt.image_repository, attempt.tags, attempt.build_id]);
}
