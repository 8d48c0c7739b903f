import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  BUILD_METHODS,
  BUILD_STATUSES,
  BUILD_TRANSITIONS,
  CANCEL_INTENTS,
  EXECUTION_OUTCOMES,
  EXECUTION_STATES,
  EXECUTION_TRANSITIONS,
  INFRASTRUCTURE_TYPES,
  PROVIDER_HEALTHS,
  PROVIDER_SOURCES,
  PROVIDER_STATES,
  PROVIDER_TYPES,
  ROLES,
  STOP_INTENTS,
  TERMINAL_BUILD_STATUSES,
  TERMINAL_EXECUTION_STATES,
  canTransition,
} from '@image-factory/domain';
import { dumpSchema } from '@image-factory/migrations';
import { Database } from '@image-factory/persistence';
import { createTestDatabase, type TestDatabase } from '@image-factory/test-support';

describe('the migrated schema', () => {
  let created: TestDatabase;
  let database: Database;

  beforeAll(async () => {
    created = await createTestDatabase();
    database = Database.create({ url: created.url, poolSize: 3, applicationName: 'schema-test' });
    await database.connect();
  });
  afterAll(async () => {
    await database.close();
    await created.drop();
  });

  it('is the one in migrations/schema.sql (after a meant change: run this file with -u)', async () => {
    await expect(await dumpSchema(created.url)).toMatchFileSnapshot('../../migrations/schema.sql');
  });

  it.each<[string, readonly string[]]>([
    ['builds_status', BUILD_STATUSES],
    ['builds_method', BUILD_METHODS],
    ['builds_infrastructure', INFRASTRUCTURE_TYPES],
    ['build_executions_state', EXECUTION_STATES],
    ['build_executions_outcome', EXECUTION_OUTCOMES],
    ['build_executions_intent', STOP_INTENTS],
    ['builds_cancel_intent', CANCEL_INTENTS],
    ['providers_type', PROVIDER_TYPES],
    ['providers_source', PROVIDER_SOURCES],
    ['providers_state', PROVIDER_STATES],
    ['providers_health', PROVIDER_HEALTHS],
    ['api_keys_role', ROLES],
  ])('has in %s exactly the words of the code', async (constraint, words) => {
    expect(await wordsOf(database, constraint)).toEqual([...words].sort());
  });

  it('requires finished_at exactly for the terminal states of the tables', async () => {
    expect(await wordsOf(database, 'builds_finished')).toEqual([...TERMINAL_BUILD_STATUSES].sort());
    expect(await wordsOf(database, 'build_executions_done')).toEqual([...TERMINAL_EXECUTION_STATES].sort());
    for (const from of TERMINAL_BUILD_STATUSES) {
      expect(BUILD_STATUSES.filter((to) => canTransition(BUILD_TRANSITIONS, from, to))).toEqual([]);
    }
    for (const from of TERMINAL_EXECUTION_STATES) {
      expect(EXECUTION_STATES.filter((to) => canTransition(EXECUTION_TRANSITIONS, from, to))).toEqual([]);
    }
  });

  it('has one live execution per build by index, until it is finished', async () => {
    const [index] = await database.query<{ def: string }>(
      `SELECT pg_get_expr(indpred, indrelid) AS def FROM pg_index
        WHERE indexrelid = 'build_executions_live'::regclass AND indisunique`,
    );
    expect(index?.def).toBe('(finished_at IS NULL)');
  });

  /** Columns that an index of the table names, those of predicates counted: a change of one is written into all of them. */
  async function indexed(table: string): Promise<string[]> {
    const rows = await database.query<{ column: string }>(
      `SELECT DISTINCT a.attname AS column
         FROM pg_index i
        CROSS JOIN LATERAL unnest(i.indkey::int2[] || ARRAY(
          SELECT d.refobjsubid::int2 FROM pg_depend d
           WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid AND d.refobjid = i.indrelid)) AS k (attnum)
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
        WHERE i.indrelid = $1::regclass ORDER BY 1`,
      [table],
    );
    return rows.map((row) => row.column);
  }

  it('has no index of lanes that a build changes', async () => {
    expect(await indexed('lanes')).toEqual(['tenant_id']);
  });

  it('has no index of executions that a step of an attempt changes', async () => {
    // Claimed, placed, finished, swept: the four that may touch an index.
    expect(await indexed('build_executions')).toEqual([
      'attempt',
      'build_id',
      'concurrency_group',
      'finished_at',
      'host',
      'id',
      'owner',
      'provider_id',
      'shard',
      'swept_at',
    ]);
  });

  it('is matched by the entities, column by column', async () => {
    const catalog = await database.query<{ key: string }>(
      `SELECT c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
                || CASE WHEN a.attnotnull THEN '' ELSE ' null' END AS key
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND c.relname !~ '^migrations' ORDER BY 1`,
    );
    const entities = database.dataSource.entityMetadatas.flatMap((entity) =>
      entity.columns.map((column) => {
        const type = column.type === 'timestamptz' ? 'timestamp with time zone' : String(column.type);
        const name = `${entity.tableName}.${column.databaseName}`;
        return `${name} ${type}${column.isArray ? '[]' : ''}${column.isNullable ? ' null' : ''}`;
      }),
    );
    expect(entities.sort()).toEqual(catalog.map((row) => row.key).sort());
  });
});

async function wordsOf(database: Database, constraint: string): Promise<string[]> {
  const [row] = await database.query<{ def: string }>(
    'SELECT pg_get_constraintdef(oid) AS def FROM pg_constraint WHERE conname = $1',
    [constraint],
  );
  return quotedWords(row?.def ?? '');
}

function quotedWords(sql: string): string[] {
  return [...sql.matchAll(/'([^']+)'::text/g)].map((match) => match[1] ?? '').sort();
}
