import type { ClaimedExecution } from '@image-factory/persistence';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OVER_LIMIT } from '../chaos/check/watch-limits.ts';
import { GUARD_TRIGGERS, VIOLATIONS } from '../chaos/world/guard-triggers.ts';
import { QueueWorld } from './queue-world.ts';

/** What the chaos suite sees in the database: each of its rules is broken here, and seen. */
let world: QueueWorld;

beforeEach(async () => {
  world = await QueueWorld.open();
  await world.database.query(GUARD_TRIGGERS);
});
afterEach(() => world.close());

/** Rules that were broken, in order. */
async function broken(): Promise<string[]> {
  const rows = await world.database.query<{ what: string }>(
    `SELECT rule || ': ' || detail AS what FROM ${VIOLATIONS} ORDER BY id`,
  );
  return rows.map(({ what }) => what);
}

/** Statements of a dispatcher process of that name. */
async function as(process: string, ...statements: readonly [string, unknown[]][]): Promise<void> {
  await world.database.transaction(async (tx) => {
    await tx.query(`SELECT set_config('chaos.process', $1, true)`, [process]);
    for (const [sql, parameters] of statements) await tx.query(sql, parameters);
  });
}

async function placed(): Promise<ClaimedExecution> {
  const dispatcherId = await world.dispatcher();
  await world.database.query('UPDATE chaos_owners SET process = $1 WHERE dispatcher_id = $2', ['owner', dispatcherId]);
  await world.submit(await world.tenant());
  const { claimed } = await world.placed(dispatcherId, await world.provider());
  return claimed;
}

const TOUCH = `UPDATE build_executions SET waiting_message = 'a' WHERE id = $1`;

describe('the triggers', () => {
  it('see a write of who does not own the shard, and nothing in one of its owner or of the suite', async () => {
    const { executionId } = await placed();
    await as('owner', [TOUCH, [executionId]]);
    await world.database.query(TOUCH, [executionId]);
    expect(await broken()).toEqual([]);
    await as('zombie', [TOUCH, [executionId]]);
    expect(await broken()).toEqual([expect.stringMatching(/^fence: .*written by zombie, its shard belongs to owner$/)]);
  });

  it('see who has lost the shard since', async () => {
    const { executionId } = await placed();
    await world.database.query('UPDATE cluster_shards SET owner = NULL, token = NULL');
    await as('owner', [TOUCH, [executionId]]);
    expect(await broken()).toEqual([expect.stringMatching(/^fence: .*written by owner, its shard belongs to nobody$/)]);
  });

  it('see a log that is written by who does not own its shard', async () => {
    const { executionId } = await placed();
    await world.logs.ensurePartitions(0);
    const write = `
      INSERT INTO build_log_chunks
             (day, execution_id, step, seq, byte_offset, line_offset, line_count, raw_bytes, codec, data)
      VALUES (current_date, $1, 'build/build', 0, 0, 0, 0, 0, 'none', '')`;
    await as('zombie', [write, [executionId]]);
    expect(await broken()).toEqual([expect.stringMatching(/^fence: log build\/build .* written by zombie/)]);
  });

  it('see what changes after its end', async () => {
    const { executionId, buildId } = await placed();
    const set = (sql: string, id: string): Promise<unknown> => world.database.query(sql, [id]);
    await set(`UPDATE builds SET status = 'failed', reason = 'StepFailed', finished_at = now() WHERE id = $1`, buildId);
    await set(`UPDATE build_executions SET outcome = 'failed' WHERE id = $1`, executionId);
    expect(await broken()).toEqual([]);
    await set(`UPDATE build_executions SET outcome = 'succeeded' WHERE id = $1`, executionId);
    await set(`UPDATE builds SET status = 'completed' WHERE id = $1`, buildId);
    expect(await broken()).toEqual([
      expect.stringMatching(/^terminal: outcome of .* went from failed to succeeded$/),
      expect.stringMatching(/^terminal: build .* went from failed to completed$/),
    ]);
  });
});

describe('the look at the limits', () => {
  const over = async (): Promise<string[]> =>
    (await world.database.query<{ what: string }>(OVER_LIMIT)).map(({ what }) => what);

  it.each([
    ['tenants', 'tenant '],
    ['providers', 'provider '],
    ['projects', 'project '],
    ['installation', 'the installation '],
  ])('sees more than %s may have', async (table, says) => {
    const tenantId = await world.tenant();
    const dispatcherId = await world.dispatcher();
    const providerId = await world.provider();
    for (let n = 0; n < 2; n += 1) await world.submit(tenantId);
    for (let n = 0; n < 2; n += 1) await world.placed(dispatcherId, providerId);
    await world.database.query(`UPDATE ${table} SET max_concurrent_builds = 2`);
    expect(await over()).toEqual([]);
    await world.database.query(`UPDATE ${table} SET max_concurrent_builds = 1`);
    expect(await over()).toEqual([expect.stringMatching(new RegExp(`^${says}.*holds 2 slots of 1$`))]);
  });

  it('sees two that live of one key', async () => {
    const tenantId = await world.tenant();
    const dispatcherId = await world.dispatcher();
    for (let n = 0; n < 2; n += 1) await world.submit(tenantId);
    await world.queue.claim({ dispatcherId, limit: 2 });
    expect(await over()).toEqual([]);
    await world.database.query(`UPDATE builds SET concurrency_key = 'k', concurrency_policy = 'queue'`);
    expect(await over()).toEqual([expect.stringMatching(/^key k of project .* has 2 live executions$/)]);
  });
});
