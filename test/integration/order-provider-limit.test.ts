import type { Dispatcher } from '@image-factory/dispatcher';
import type { NewBuild } from '@image-factory/persistence';
import { eventually } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DispatcherHarness } from './dispatcher-harness.js';

/** What the provider runs at once. */
const LIMIT = 4;
const ARM = { request: { requirements: { architecture: 'arm64' } } };

type Owner = Pick<NewBuild, 'tenantId' | 'projectId'>;

let harness: DispatcherHarness;
let dispatcher: Dispatcher;
let small: Owner;

beforeEach(async () => {
  harness = await DispatcherHarness.open();
  harness.cluster.defaultScript = { ...harness.cluster.defaultScript, pace: 'held' };
  await harness.database.query(`UPDATE providers SET max_concurrent_builds = $1, capabilities = '{arm64}'`, [LIMIT]);
  await harness.database.query('UPDATE tenants SET max_concurrent_builds = 1000');
  await harness.database.transaction((tx) => harness.queue.syncLane(tx, harness.tenantId));
  small = await harness.addTenant('small');
});
afterEach(async () => {
  expect(await harness.queue.reconcileCounters()).toEqual({ drift: [], projects: [], providers: [] });
  await harness.close();
});

/** A dispatcher that claims when the test says so, and as often as it may then. */
async function startByHand(): Promise<void> {
  dispatcher = await harness.create();
  await dispatcher.start(false);
  await eventually('it may claim', async () => (await claimAll()) !== 'NotAllowed');
}

async function claimAll(): Promise<string> {
  for (;;) {
    const outcome = await dispatcher.runtime!.dispatch.tick();
    if (outcome.kind !== 'Claimed') return outcome.kind;
    await Promise.all(outcome.builds.map(({ placement }) => placement));
  }
}

async function submitMany(count: number, part: Partial<NewBuild> = {}): Promise<string[]> {
  const builds: string[] = [];
  for (let n = 0; n < count; n += 1) builds.push(await harness.submit(part));
  return builds;
}

async function count(where: string): Promise<number> {
  const [row] = await harness.database.query<{ n: number }>(`SELECT count(*)::int AS n FROM builds b WHERE ${where}`);
  return row!.n;
}

/** Ends the oldest run of the first cluster, and lets the dispatcher claim until its slot is taken again. */
async function nextTurn(): Promise<void> {
  const run = [...harness.cluster.runs.values()].find(({ phase }) => phase !== 'ended');
  const made = harness.cluster.created.length;
  harness.cluster.startRun(run!);
  harness.cluster.endRun(run!);
  await eventually('its slot is taken by the next', async () => {
    await claimAll();
    return harness.cluster.created.length > made;
  });
}

async function placed(builds: readonly string[]): Promise<number> {
  const rows = await Promise.all(builds.map((buildId) => harness.build(buildId)));
  return rows.filter(({ status }) => status !== 'queued').length;
}

describe('under the limit of a provider', () => {
  it('a small tenant is served by its turn, and nothing of a large one is claimed that could not start', async () => {
    await submitMany(200);
    await startByHand();
    expect(await claimAll()).toBe('LimitReached');
    await eventually('as many run as may', () => harness.cluster.runs.size === LIMIT);
    const builds = await submitMany(2, small);
    await nextTurn();
    expect(await placed(builds)).toBe(1);
    await nextTurn();
    expect(await placed(builds)).toBe(2);
    for (let turn = 0; turn < 3; turn += 1) await nextTurn();
    expect(await count('b.bounces > 0 OR b.parked IS NOT NULL')).toBe(0);
  });

  it('builds are claimed as soon as a provider that has room is there', async () => {
    await submitMany(LIMIT + 2);
    await harness.addProvider('cluster-2');
    await harness.database.query(`UPDATE providers SET health = 'unhealthy' WHERE name = 'cluster-2'`);
    await startByHand();
    await claimAll();
    expect(await count(`b.status = 'queued' AND b.queue_key IS NOT NULL`)).toBe(2);
    await harness.database.query(`UPDATE providers SET health = 'healthy' WHERE name = 'cluster-2'`);
    expect(await claimAll()).toBe('QueueEmpty');
    expect(await count(`b.status = 'queued'`)).toBe(0);
  });

  it('tenants whose own provider has room are served while the shared one is full', async () => {
    await submitMany(LIMIT + 20);
    const own = await harness.addProvider('cluster-2');
    await harness.database.query('UPDATE providers SET is_global = false WHERE id = $1', [own.id]);
    await harness.database.query(
      `INSERT INTO provider_permissions (provider_id, tenant_id, granted_by) VALUES ($1, $2, 'user:test')`,
      [own.id, small.tenantId],
    );
    await harness.database.query('UPDATE providers SET running = max_concurrent_builds WHERE id <> $1', [own.id]);
    await startByHand();
    const builds = await submitMany(3, small);
    await claimAll();
    expect(await placed(builds)).toBe(3);
    expect(await count('b.bounces > 0 OR b.parked IS NOT NULL')).toBe(0);
    await harness.database.query('UPDATE providers SET running = 0 WHERE id <> $1', [own.id]);
  });

  it('where others have room that these builds cannot use, those that are parked are woken by turn too', async () => {
    await harness.addProvider('cluster-2');
    await submitMany(40, ARM);
    await startByHand();
    await claimAll();
    expect(await count(`b.parked = 'NoEligibleProvider'`)).toBe(40 - LIMIT);
    await eventually('as many run as may', () => harness.cluster.runs.size === LIMIT);
    const builds = await submitMany(2, { ...small, ...ARM });
    await claimAll();
    await nextTurn();
    expect(await placed(builds)).toBe(1);
    await nextTurn();
    // A slot may go to one that was woken before; without turns they would wait for all of the others.
    if ((await placed(builds)) < 2) await nextTurn();
    expect(await placed(builds)).toBe(2);
  });
});
