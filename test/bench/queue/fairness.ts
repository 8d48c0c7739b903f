import { atMost } from '../measure/closed-loop.ts';
import { toResult, type MeasuredResult } from '../report.ts';
import type { BuildWorld } from './build-world.ts';
import type { QueueBench } from './queue.ts';

const TENANTS = 200;
const BATCH = 25;

/** B4: who is served, when everybody waits. Counts, not rates: repeated only to see that they repeat. */
export async function measureFairness(bench: QueueBench): Promise<MeasuredResult[]> {
  const rounds = Array.from({ length: bench.quick ? 1 : 2 }, (_unused, index) => index);
  const equal: { jain: number; longestWait: number }[] = [];
  const weighted: number[] = [];
  const inversions: number[] = [];
  for (const round of rounds) {
    equal.push(await withWorld(bench, `fair_equal_${round}`, equalTenants));
    weighted.push(await withWorld(bench, `fair_weighted_${round}`, weightedTenants));
    inversions.push(await withWorld(bench, `fair_ageing_${round}`, ageing));
  }
  return [
    toResult({
      id: 'B4-jain',
      title: `Jain index of ${TENANTS} equal tenants over 40 % of their builds, claims of ${BATCH}`,
      samples: equal.map(({ jain }) => jain * 1000),
      q: 0.5,
      control: { name: '1000 is equal', samples: [1000] },
      target: { text: 'at least 0.99 ×', met: (_value, ratio) => ratio !== null && ratio >= 0.99 },
    }),
    toResult({
      id: 'B4-wait',
      title: `longest wait of a tenant with queued builds, in claims of ${BATCH}`,
      samples: equal.map(({ longestWait }) => longestWait),
      q: 1,
      control: { name: 'one turn of all tenants', samples: [TENANTS / BATCH] },
      target: { text: `at most ${TENANTS} claims`, met: (value) => value <= TENANTS },
    }),
    toResult({
      id: 'B4-weight',
      title: 'largest distance of a tenant from its weighted share of the running builds, percent',
      samples: weighted,
      q: 1,
      target: { text: 'at most 5', met: (value) => value <= 5 },
    }),
    toResult({
      id: 'B4-ageing',
      title: 'builds claimed out of the order of priority and age, of 400 with 3 priorities and ages beside each step',
      samples: inversions,
      q: 1,
      target: { text: '0', met: (value) => value === 0 },
    }),
  ];
}

/** Claims 40 % of all builds while 500 run: each claim ends as many of the oldest. */
async function equalTenants(world: BuildWorld): Promise<{ jain: number; longestWait: number }> {
  const tenants = await world.tenants(TENANTS, { maxRunning: 1_000 });
  await world.fill(tenants, { perTenant: 50 });
  const dispatcherId = await world.dispatcher();
  const running: string[] = [];
  const served = new Map<string, number>(tenants.map((id) => [id, 0]));
  const lastTurn = new Map<string, number>(tenants.map((id) => [id, 0]));
  let longestWait = 0;
  for (let turn = 1; turn <= (TENANTS * 20) / BATCH; turn += 1) {
    const { claimed } = await world.queue.claim({ dispatcherId, limit: BATCH });
    for (const { tenantId, executionId } of claimed) {
      served.set(tenantId, (served.get(tenantId) ?? 0) + 1);
      longestWait = Math.max(longestWait, turn - (lastTurn.get(tenantId) ?? 0));
      lastTurn.set(tenantId, turn);
      running.push(executionId);
    }
    await endOldest(world, dispatcherId, running, 500);
  }
  return { jain: jainIndex([...served.values()]), longestWait };
}

/** Forty tenants with weights 1 to 4 fill 1,000 slots that stay taken: shares of what runs. */
async function weightedTenants(world: BuildWorld): Promise<number> {
  const weightOf = new Map<string, number>();
  for (const weight of [1, 2, 3, 4]) {
    const tenants = await world.tenants(10, { maxRunning: 1_000, weight });
    await world.fill(tenants, { perTenant: 100 });
    for (const id of tenants) weightOf.set(id, weight);
  }
  const dispatcherId = await world.dispatcher();
  for (let taken = 0; taken < 1_000; taken += BATCH) await world.queue.claim({ dispatcherId, limit: BATCH });
  const lanes = await world.rows<{ tenant_id: string; running: number }>('SELECT tenant_id, running FROM lanes');
  const weights = [...weightOf.values()].reduce((sum, weight) => sum + weight, 0);
  const distances = lanes.map(({ tenant_id, running }) => {
    const due = (1_000 * (weightOf.get(tenant_id) ?? 0)) / weights;
    return (Math.abs(running - due) / due) * 100;
  });
  return Math.max(...distances);
}

/** The k-th build of each priority is k × half a step old, so that age overtakes priority again and again. */
async function ageing(world: BuildWorld): Promise<number> {
  const [tenant] = await world.tenants(1, { maxRunning: 1_000 });
  await world.fill([tenant ?? ''], { perTenant: 400, priority: 'n % 3' });
  await world.rows(
    `UPDATE builds b SET created_at = b.created_at - k.age, queue_key = b.queue_key - floor(extract(epoch FROM k.age) * 1000)::bigint
       FROM (SELECT id, interval '150 seconds' * (row_number() OVER (PARTITION BY priority ORDER BY id) % 7) AS age FROM builds) k
      WHERE k.id = b.id`,
  );
  const dispatcherId = await world.dispatcher();
  const order: string[] = [];
  while (order.length < 400) {
    const { claimed } = await world.queue.claim({ dispatcherId, limit: BATCH });
    order.push(...claimed.map((one) => one.buildId));
  }
  const rows = await world.rows<{ id: string; due: string }>(
    'SELECT id, floor(extract(epoch FROM created_at) * 1000) - priority * 300000 AS due FROM builds',
  );
  const dueOf = new Map(rows.map((row) => [row.id, Number(row.due)]));
  let latest = Number.NEGATIVE_INFINITY;
  let inversions = 0;
  for (const id of order) {
    const due = dueOf.get(id) ?? 0;
    // All were made in one statement, at most 400 ms of key apart: that is no order that anybody could see.
    if (due < latest - 1_000) inversions += 1;
    latest = Math.max(latest, due);
  }
  return inversions;
}

async function endOldest(world: BuildWorld, dispatcherId: string, running: string[], keep: number): Promise<void> {
  const ending = running.splice(0, Math.max(0, running.length - keep));
  await atMost(8, ending, async (executionId) => {
    const message = 'ended by the benchmark';
    await world.queue.failPlacing({ executionId, dispatcherId, reason: 'BuildConfigInvalid', message });
  });
}

async function withWorld<T>(bench: QueueBench, name: string, work: (world: BuildWorld) => Promise<T>): Promise<T> {
  const world = await bench.world(name);
  try {
    return await work(world);
  } finally {
    await world.close();
  }
}

/** 1 when all have the same, 1/n when one has all. */
export function jainIndex(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0);
  const squares = shares.reduce((total, share) => total + share * share, 0);
  return squares === 0 ? 1 : (sum * sum) / (shares.length * squares);
}
