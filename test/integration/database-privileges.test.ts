import { randomUUID } from 'node:crypto';
import { migrate } from '@image-factory/migrations';
import { PostgresDatabaseTrust } from '@image-factory/persistence';
import { createEmptyDatabase, type TestDatabase } from '@image-factory/test-support';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { DispatcherHarness } from './dispatcher-harness.js';

let owned: TestDatabase;
let harness: DispatcherHarness;
afterEach(() => harness.close());

/** A database that belongs to an ordinary role, which may not call these: as managed servers have it. */
async function openWithout(...functions: readonly string[]): Promise<void> {
  owned = await createEmptyDatabase();
  const role = `if_role_${randomUUID().slice(0, 8)}`;
  const database = new URL(owned.url).pathname.slice(1);
  const admin = new pg.Client({ connectionString: owned.url });
  await admin.connect();
  await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'secret'; ALTER DATABASE ${database} OWNER TO ${role}`);
  for (const name of functions) await admin.query(`REVOKE EXECUTE ON FUNCTION ${name} FROM PUBLIC`);
  await admin.end();
  const url = new URL(owned.url);
  url.username = role;
  url.password = 'secret';
  await migrate({ url: url.toString() });
  harness = await DispatcherHarness.open({ url: url.toString(), drop: () => dropWithRole(role) });
}

async function dropWithRole(role: string): Promise<void> {
  const server = new URL(owned.url);
  server.pathname = '/postgres';
  await owned.drop();
  const admin = new pg.Client({ connectionString: server.toString() });
  await admin.connect();
  await admin.query(`DROP ROLE ${role}`);
  await admin.end();
}

describe('a role that may not call pg_control_system()', () => {
  it('migrates, claims and builds, knows a failover by its timeline, and claims again after it', async () => {
    await openWithout('pg_control_system()');
    const { identity } = await new PostgresDatabaseTrust(harness.database).look();
    expect(identity).toMatch(/^\?\/[0-9A-F]{8}$/);
    await harness.start({ periodicScale: 0.02 });
    await harness.reaches(await harness.submit(), 'completed');
    await harness.database.query(`UPDATE installation SET database_identity = '?/00000000'`);
    const { claimed } = await harness.queue.claim({ dispatcherId: harness.tenantId, limit: 1 });
    expect(claimed).toEqual([]);
    await harness.reaches(await harness.submit(), 'completed');
  });

  it('nor say where the log is written takes each start of the server for a failover', async () => {
    await openWithout('pg_control_system()', 'pg_current_wal_lsn()');
    const { identity } = await new PostgresDatabaseTrust(harness.database).look();
    const [started] = await harness.database.query<{ at: string }>(
      'SELECT floor(extract(epoch FROM pg_postmaster_start_time()))::text AS at',
    );
    expect(identity).toBe(`?/@${started?.at}`);
    await harness.start({ periodicScale: 0.02 });
    await harness.reaches(await harness.submit(), 'completed');
  });
});
