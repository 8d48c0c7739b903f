import type { Transaction } from '../database/database.js';
import { LOCK_TAGS, RESERVE_TAGS } from './statements.js';

/** Tags of one repository that a write reads or changes. */
export interface TagNames {
  /** `registry/repository` without a tag. */
  readonly repository: string;
  readonly tags: readonly string[];
}

/** One build's claim on its tags, in a batch. */
export interface Reservation extends TagNames {
  readonly executionId: string;
  readonly buildId: string;
  readonly buildOrdinal: number;
  readonly digest: string;
}

/**
 * Locks the tags that the writes of a batch touch, in one order for all batches, before any of them is changed: two
 * batches that meet at two tags wait for each other only one way round. Tags that have no row yet are made by `reserveAll`
 * in the same order, after this.
 */
export async function lockTags(tx: Transaction, names: readonly TagNames[]): Promise<void> {
  if (names.length === 0) return;
  const rows = names.flatMap(({ repository, tags }) => tags.map((tag) => ({ repository, tag })));
  await tx.query(LOCK_TAGS, [rows.map(({ repository }) => repository), rows.map(({ tag }) => tag)]);
}

/** All of a batch in one statement; of two that want the same tag only the newer one is asked for. @returns by execution */
export async function reserveAll(
  tx: Transaction,
  reservations: readonly Reservation[],
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const wanted = new Map<string, { of: Reservation; tag: string }>();
  for (const of of [...reservations].sort((a, b) => a.buildOrdinal - b.buildOrdinal)) {
    for (const tag of of.tags) wanted.set(`${of.repository} ${tag}`, { of, tag });
  }
  const all = [...wanted.values()];
  const rows = await tx.query<{ build_id: string; tag: string }>(RESERVE_TAGS, [
    all.map(({ of }) => of.repository),
    all.map(({ tag }) => tag),
    all.map(({ of }) => of.buildId),
    all.map(({ of }) => of.buildOrdinal),
    all.map(({ of }) => of.digest),
  ]);
  const granted = new Map<string, Set<string>>();
  for (const row of rows) granted.set(row.build_id, (granted.get(row.build_id) ?? new Set()).add(row.tag));
  return new Map(reservations.map(({ executionId, buildId }) => [executionId, granted.get(buildId) ?? new Set()]));
}
