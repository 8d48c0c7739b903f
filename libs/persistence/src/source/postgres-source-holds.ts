import type { Queryable } from '../database/transaction.js';

/** What a process can hold: a content of the configuration file, or the environment's cluster. */
export type HeldSource = 'file' | 'environment';

/** Where nobody ever held it. */
export const NEVER_HELD = 'never';

/** Processes that hold the same write it seldom, however many they are. */
const RENEW_AFTER = '200 milliseconds';
/** What nobody has held for so long is forgotten. */
const FORGET_AFTER = '1 day';

/**
 * Who still stands behind what a source says. Each process says at every look what it holds, so that others can see when
 * nobody does any more. Times are the database's, and only compared with each other: a time that stays the same over
 * looks of one's own means that nobody holds it, one that lies far back may only mean that the database was away.
 */
export class PostgresSourceHolds {
  constructor(private readonly database: Queryable) {}

  /** Index: the key; the forgotten are found by a scan of a few rows. Locks: its row, and theirs. */
  async hold(source: HeldSource, content: string): Promise<void> {
    await this.database.query(
      `WITH forgotten AS (
         DELETE FROM source_holds
          WHERE held_at < clock_timestamp() - interval '${FORGET_AFTER}' AND (source, content) <> ($1, $2))
       INSERT INTO source_holds AS h (source, content, held_at) VALUES ($1, $2, clock_timestamp())
           ON CONFLICT (source, content) DO UPDATE SET held_at = excluded.held_at
       WHERE h.held_at < excluded.held_at - interval '${RENEW_AFTER}'`,
      [source, content],
    );
  }

  /** When anybody held any content of the source last, as text that is only compared; `never` without one. */
  async lastHeld(source: HeldSource): Promise<string> {
    const [row] = await this.database.query<{ held: string }>(`SELECT ${lastHeld('$1')} AS held`, [source]);
    return row?.held ?? NEVER_HELD;
  }
}

/** SQL for the time of {@link PostgresSourceHolds.lastHeld}, of one content when it is given. Index: the key. */
export function lastHeld(source: string, content?: string): string {
  const one = content === undefined ? '' : ` AND h.content = ${content}`;
  return `coalesce((SELECT max(h.held_at)::text FROM source_holds h WHERE h.source = ${source}${one}), '${NEVER_HELD}')`;
}
