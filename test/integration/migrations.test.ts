import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import pg from 'pg';
import { migrate, MIGRATIONS } from '@image-factory/migrations';
import { createEmptyDatabase, type TestDatabase } from '@image-factory/test-support';

async function query<T extends object>(url: string, sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

const names = MIGRATIONS.map((migration) => migration.name);

describe('migrations', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createEmptyDatabase();
  });
  afterAll(async () => {
    await database.drop();
  });

  it('run once when twenty migrators start at once', async () => {
    const results = await Promise.all(Array.from({ length: 20 }, () => migrate({ url: database.url })));
    const ran = results.filter((result) => result.names.length > 0);
    expect(ran.map((result) => result.names)).toEqual([names]);
    const rows = await query<{ name: string }>(database.url, 'SELECT name FROM migrations ORDER BY id');
    expect(rows.map((row) => row.name)).toEqual(names);
  });

  it('go down to an empty database and up again', async () => {
    for (const name of [...names].reverse()) {
      expect((await migrate({ url: database.url, direction: 'down' })).names).toEqual([name]);
    }
    const left = await query<{ relname: string }>(
      database.url,
      `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S', 'v') AND relname !~ '^migrations'`,
    );
    expect(left).toEqual([]);
    expect((await migrate({ url: database.url })).names).toEqual(names);
  });
});
