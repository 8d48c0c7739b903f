import { DataSource } from 'typeorm';

interface Row {
  readonly line: string;
}

/** What belongs to TypeORM, and what is made at run time. */
const OURS = `c.relnamespace = 'public'::regnamespace AND c.relname !~ '^migrations' AND NOT c.relispartition`;

const TABLES = `
  SELECT c.relname AS table,
         coalesce(' PARTITION BY ' || pg_get_partkeydef(c.oid), '')
           || coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', '') AS options
    FROM pg_class c WHERE ${OURS} AND c.relkind IN ('r', 'p') ORDER BY c.relname`;

const COLUMNS = `
  SELECT '  ' || quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
           || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
           || CASE WHEN a.attidentity <> '' THEN ' GENERATED ALWAYS AS IDENTITY'
                   WHEN a.attgenerated <> '' THEN ' GENERATED ALWAYS AS (' || pg_get_expr(d.adbin, d.adrelid) || ') STORED'
                   ELSE coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '') END
           || CASE WHEN a.attstorage <> t.typstorage THEN ' /* STORAGE ' || a.attstorage::text || ' */' ELSE '' END AS line
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
   WHERE ${OURS} AND c.relname = $1 ORDER BY a.attnum`;

/** NOT NULL is on the column already; PostgreSQL 18 lists it as a constraint too. */
const CONSTRAINTS = `
  SELECT '  CONSTRAINT ' || quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid, true) AS line
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
   WHERE ${OURS} AND c.relname = $1 AND k.contype <> 'n' ORDER BY k.contype, k.conname`;

const INDEXES = `
  SELECT pg_get_indexdef(i.indexrelid) || ';' AS line
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
   WHERE ${OURS} AND c.relname = $1 AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid)
   ORDER BY x.relname`;

const RULES = `
  SELECT definition AS line FROM pg_rules WHERE schemaname = 'public' AND tablename = $1 ORDER BY rulename`;

const FUNCTIONS = `
  SELECT pg_get_functiondef(p.oid) || ';' AS line
    FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace ORDER BY p.proname`;

/**
 * The schema as text, written from the catalog: for people to read and for a test to notice a change that was not
 * meant. Made from a migrated database; it is not run.
 */
export async function dumpSchema(url: string): Promise<string> {
  const dataSource = new DataSource({ type: 'postgres', url, installExtensions: false });
  await dataSource.initialize();
  try {
    const lines = async (sql: string, table: string): Promise<string[]> =>
      (await dataSource.query<Row[]>(sql, [table])).map((row) => row.line);
    const tables = await dataSource.query<{ table: string; options: string }[]>(TABLES);
    const parts: string[] = ['-- Written from the catalog of a migrated database. Read it; change the migrations.'];
    for (const { table, options } of tables) {
      const body = [...(await lines(COLUMNS, table)), ...(await lines(CONSTRAINTS, table))].join(',\n');
      const after = [...(await lines(INDEXES, table)), ...(await lines(RULES, table))];
      parts.push([`CREATE TABLE ${table} (`, body, `)${options};`, ...after].join('\n'));
    }
    parts.push(...(await dataSource.query<Row[]>(FUNCTIONS)).map((row) => row.line));
    return `${parts.join('\n\n')}\n`;
  } finally {
    await dataSource.destroy();
  }
}
