import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KEYED_PLANS, type Statement } from '../../libs/persistence/src/database/transaction.js';
import {
  FIND_TAGS,
  FREE_SLOTS,
  LOCK_TAGS,
  LOCK_ATTEMPTS,
  LOCK_ATTEMPTS_AND_BUILDS,
  SET_SWEPT,
} from '../../libs/persistence/src/execution/statements.js';
import { FIND_OWNED_BY_ID } from '../../libs/persistence/src/execution/owned-statements.js';
import { CLAIM_SETTINGS } from '../../libs/persistence/src/queue/claim-builds.js';
import { CLAIM_HEADS, CLAIM_WRITE } from '../../libs/persistence/src/queue/claim-statements.js';
import { LOCK_CLAIMS, PLACE_WRITE, UNPLACE_WRITE } from '../../libs/persistence/src/queue/placement-statements.js';
import { FIND_SHARDS, LOCK_FREE_SHARDS, LOCK_SHARDS } from '../../libs/persistence/src/lease/lock-shards.js';
import {
  DELETE_CURSORS,
  ENSURE_CURSORS,
  FIND_CURSORS,
  LOCK_CURSORS,
  MOVE_CURSORS,
  READ_ALL_CURSORS,
} from '../../libs/persistence/src/log/statements.js';
import { QueueWorld } from './queue-world.js';

/** A plan that is kept may be as old as the installation: it was made when there was nothing to read. */
describe('the plan that is kept of a statement over many keys, made on empty tables,', () => {
  let world: QueueWorld;

  beforeAll(async () => {
    world = await QueueWorld.open(2);
  });
  afterAll(() => world.close());

  const cases: [Statement, readonly string[]][] = [
    [CLAIM_HEADS, CLAIM_SETTINGS],
    [CLAIM_WRITE, CLAIM_SETTINGS],
    [LOCK_CLAIMS, KEYED_PLANS],
    [PLACE_WRITE, KEYED_PLANS],
    [UNPLACE_WRITE, KEYED_PLANS],
    [LOCK_ATTEMPTS, KEYED_PLANS],
    [LOCK_ATTEMPTS_AND_BUILDS, KEYED_PLANS],
    [FREE_SLOTS, KEYED_PLANS],
    [SET_SWEPT, KEYED_PLANS],
    [LOCK_TAGS, KEYED_PLANS],
    [FIND_TAGS, KEYED_PLANS],
    [LOCK_SHARDS, KEYED_PLANS],
    [LOCK_FREE_SHARDS, KEYED_PLANS],
    [FIND_SHARDS, KEYED_PLANS],
    [ENSURE_CURSORS, KEYED_PLANS],
    [LOCK_CURSORS, KEYED_PLANS],
    [FIND_CURSORS, KEYED_PLANS],
    [MOVE_CURSORS, KEYED_PLANS],
    [READ_ALL_CURSORS, KEYED_PLANS],
  ];

  it.each(cases.map(([statement, settings]) => ({ name: statement.name, text: statement.text, settings })))(
    'of $name reads by key',
    async ({ text, settings }) => {
      const plan = await world.database.transaction(
        (tx) => tx.query<{ 'QUERY PLAN': string }>(`EXPLAIN (GENERIC_PLAN) ${text}`),
        { settings },
      );
      const lines = plan.map((row) => row['QUERY PLAN']).join('\n');
      expect(lines).toContain('Index Scan');
      expect(lines).not.toMatch(/Seq Scan|Hash Join|Merge Join/);
    },
  );

  it('of find_owned_by_id reads by key without any setting, and never through what else is on a shard', async () => {
    const plan = await world.database.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN (GENERIC_PLAN) ${FIND_OWNED_BY_ID.text}`,
    );
    const lines = plan.map((row) => row['QUERY PLAN']).filter((line) => /Scan/.test(line));
    for (const table of ['build_executions', 'cluster_shards', 'builds', 'build_configs', 'build_specs'])
      expect(lines.join('\n')).toMatch(new RegExp(`Index Scan using ${table}_pkey on ${table}`));
  });
});

describe('the retention of logs', () => {
  it('finds the cursors of old days by their index, among those of many days, in rounds', async () => {
    const world = await QueueWorld.open(2);
    await world.database.query(
      `INSERT INTO build_log_cursors (execution_id, step, task, step_name, ordinal, day, token)
       SELECT gen_random_uuid(), 'build/build', 'build', 'build', 1, current_date - 29 + (n - 1) / 1000, gen_random_uuid()
         FROM generate_series(1, 30000) AS n`,
    );
    await world.database.query('ANALYZE build_log_cursors');
    const rows = await world.database.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN (ANALYZE, BUFFERS) ${DELETE_CURSORS.text.replace('$1::date', 'current_date - 24').replace('$2', '2000')}`,
    );
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toMatch(/Index (Only )?Scan using build_log_cursors_day/);
    expect(plan).toContain('Tid Scan');
    expect(plan).not.toContain('Seq Scan');
    const day = await world.one<{ day: string }>('SELECT current_date - 24 AS day');
    await world.logs.dropPartitionsBefore(day.day);
    const left = await world.one('SELECT min(day) AS day, count(*)::int AS n FROM build_log_cursors');
    expect(left).toEqual({ ...day, n: 25_000 });
    await world.close();
  });
});
