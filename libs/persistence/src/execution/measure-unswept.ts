import type { Queryable } from '../database/transaction.js';

/**
 * Providers whose finished runs are too many, or have become few enough: at the cap nothing new is placed, at half of
 * it placement goes on, so that a sweep at the edge does not wake and park the same builds in turn. Those that ended less
 * than $2 milliseconds ago are kept on purpose and are not counted. The count is written only while it matters. Index: build_executions_shard (all that is unswept).
 * Locks: the providers that change, in id order; one that is locked is measured again at the next round.
 */
const MEASURE = `
  WITH counted AS (
    SELECT p.id, coalesce(u.n, 0) AS unswept,
           CASE WHEN coalesce(u.n, 0) >= $1 THEN true WHEN coalesce(u.n, 0) <= $1 / 2 THEN false ELSE p.sweep_behind END AS behind
      FROM providers p
      LEFT JOIN (SELECT provider_id, count(*)::integer AS n FROM build_executions
                  WHERE provider_id IS NOT NULL AND swept_at IS NULL AND finished_at <= now() - $2::bigint * interval '1 millisecond'
                  GROUP BY provider_id) u ON u.provider_id = p.id
  ), taken AS (
    SELECT p.id, c.behind, CASE WHEN c.behind THEN c.unswept ELSE 0 END AS unswept
      FROM providers p JOIN counted c ON c.id = p.id
     WHERE p.sweep_behind <> c.behind OR p.unswept <> CASE WHEN c.behind THEN c.unswept ELSE 0 END
     ORDER BY p.id
       FOR NO KEY UPDATE OF p SKIP LOCKED
  )
  UPDATE providers p SET sweep_behind = t.behind, unswept = t.unswept FROM taken t WHERE p.id = t.id
  RETURNING p.id AS provider_id, p.name, p.sweep_behind AS behind, p.unswept`;

/** A provider whose count of finished and unswept runs was written. */
export interface UnsweptProvider {
  readonly providerId: string;
  readonly name: string;
  /** Nothing new is placed there until the sweep has caught up. */
  readonly behind: boolean;
  readonly unswept: number;
}

/** Compares with the cap how many runs of every provider have ended longer than `keptMs` ago and are not swept. */
export async function measureUnswept(database: Queryable, cap: number, keptMs: number): Promise<UnsweptProvider[]> {
  const rows = await database.query<{ provider_id: string; name: string; behind: boolean; unswept: number }>(MEASURE, [
    cap,
    keptMs,
  ]);
  return rows.map((row) => ({ ...row, providerId: row.provider_id }));
}
