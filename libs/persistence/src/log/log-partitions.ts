import type { Database, Queryable, Transaction } from '../database/database.js';
import { DELETE_CURSORS } from './statements.js';

/** Advisory lock of whoever changes the partitions: "iflp" in ASCII. */
const PARTITION_LOCK = 0x69666c70;

/** Cursors that one statement of the retention deletes, and most statements of one call. */
const CURSORS_PER_ROUND = 2_000;
const MOST_ROUNDS = 1_000;

interface PartitionRow {
  readonly name: string;
  /** False of one that was detached and not dropped: its process died between the two. */
  readonly attached: boolean;
  readonly detach_pending: boolean;
}

const NAME = /^build_log_chunks_(\d{4})(\d{2})(\d{2})$/;

/** Makes sure of the partition of one day, `YYYY-MM-DD`. */
export async function ensurePartition(database: Database, day: string): Promise<void> {
  await database.transaction(async (tx) => {
    await tx.query('SELECT pg_advisory_xact_lock($1)', [PARTITION_LOCK]);
    await createPartition(tx, day);
  });
}

/** Makes sure of the partitions from yesterday to `daysAhead` days from today, by the database's date. */
export async function ensurePartitions(database: Database, daysAhead: number): Promise<void> {
  const rows = await database.query<{ day: string }>(
    `SELECT d::date AS day FROM generate_series(current_date - 1, current_date + $1::integer, interval '1 day') AS d`,
    [daysAhead],
  );
  const present = new Set((await listPartitions(database)).filter((row) => row.attached).map((row) => row.name));
  for (const { day } of rows) {
    if (!present.has(nameOf(day))) await ensurePartition(database, day);
  }
}

/** Drops whole days before `day`, with their cursors. Returns the days that are gone. */
export async function dropPartitionsBefore(database: Database, day: string): Promise<string[]> {
  const dropped: string[] = [];
  for (const { name, attached, detach_pending } of await listPartitions(database)) {
    const partitionDay = dayOf(name);
    if (partitionDay === undefined || partitionDay >= day) continue;
    // Concurrently: readers of other days are never blocked. An interrupted one is finished first.
    const how = detach_pending ? 'FINALIZE' : 'CONCURRENTLY';
    if (attached) await database.query(`ALTER TABLE build_log_chunks DETACH PARTITION ${name} ${how}`);
    await database.query(`DROP TABLE IF EXISTS ${name}`);
    dropped.push(partitionDay);
  }
  await deleteCursorsBefore(database, day);
  return dropped;
}

/** A few at a time: no statement runs long or keeps many rows locked, and what is left is deleted by the next call. */
async function deleteCursorsBefore(database: Database, day: string): Promise<void> {
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const [row] = await database.query<{ deleted: number }>(DELETE_CURSORS, [day, CURSORS_PER_ROUND]);
    if ((row?.deleted ?? 0) < CURSORS_PER_ROUND) return;
  }
}

/** Made apart and attached, which does not lock out writers of other days as CREATE … PARTITION OF does. */
async function createPartition(tx: Transaction, day: string): Promise<void> {
  const name = nameOf(day);
  const [present] = await tx.query(
    `SELECT 1 FROM pg_inherits WHERE inhparent = 'build_log_chunks'::regclass AND inhrelid = to_regclass($1)`,
    [name],
  );
  if (present !== undefined) return;
  await tx.query(`DROP TABLE IF EXISTS ${name}`);
  await tx.query(
    `CREATE TABLE ${name} (LIKE build_log_chunks INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)`,
  );
  await tx.query(
    `ALTER TABLE build_log_chunks ATTACH PARTITION ${name} FOR VALUES FROM ('${day}') TO (date '${day}' + 1)`,
  );
}

async function listPartitions(database: Queryable): Promise<PartitionRow[]> {
  return database.query<PartitionRow>(
    `SELECT c.relname AS name, i.inhrelid IS NOT NULL AS attached, coalesce(i.inhdetachpending, false) AS detach_pending
       FROM pg_class c
       JOIN pg_class parent ON parent.oid = 'build_log_chunks'::regclass AND parent.relnamespace = c.relnamespace
       LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND i.inhparent = parent.oid
      WHERE c.relkind = 'r' AND starts_with(c.relname, 'build_log_chunks_') ORDER BY c.relname`,
  );
}

function nameOf(day: string): string {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) throw new Error(`not a day: ${day}`);
  return `build_log_chunks_${day.replaceAll('-', '')}`;
}

function dayOf(name: string): string | undefined {
  const match = NAME.exec(name);
  return match === null ? undefined : `${match[1]}-${match[2]}-${match[3]}`;
}
