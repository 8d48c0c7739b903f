import { DEFAULT_CPU_MILLIS, DEFAULT_MEMORY_BYTES, dominantShare } from '@image-factory/domain';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { jain, SlotWorld } from './order-slots.js';
import { QueueWorld } from './queue-world.js';

let world: QueueWorld;
let dispatcherId: string;

beforeEach(async () => {
  world = await QueueWorld.open(6);
  dispatcherId = await world.dispatcher();
});
afterEach(async () => {
  expect(await world.queue.reconcileCounters()).toEqual({ drift: [], projects: [], providers: [] });
  await world.close();
});

interface Size {
  readonly cpu: number;
  readonly memory: number;
}

/** A tenant whose builds are so many times a usual one in CPU and in memory. */
async function tenantOf({ cpu, memory }: Size, count: number, weight = 1): Promise<string> {
  const tenant = await world.tenant(1_000, weight);
  await world.submitMany(tenant, count);
  await world.database.query('UPDATE builds SET cpu_millis = $2, memory_bytes = $3 WHERE tenant_id = $1', [
    tenant,
    cpu * DEFAULT_CPU_MILLIS,
    memory * DEFAULT_MEMORY_BYTES,
  ]);
  return tenant;
}

/** What was lately served is known nowhere any more. */
async function forget(): Promise<void> {
  await world.database.query('UPDATE lanes SET served = 0');
}

/** What each tenant was served over `steps`, in usual builds. */
async function servedTo(
  tenants: readonly string[],
  slots: SlotWorld,
  steps: number,
  before: () => Promise<void> = () => Promise.resolve(),
): Promise<number[]> {
  const served = new Map<string, number>();
  for (let n = 0; n < steps; n += 1) {
    await before();
    for (const { tenantId, resources } of await slots.step()) {
      const share = dominantShare(resources.cpuMillis, resources.memoryBytes);
      served.set(tenantId, (served.get(tenantId) ?? 0) + share);
    }
  }
  return tenants.map((tenant) => served.get(tenant) ?? 0);
}

describe('where there are fewer slots than tenants, so that what runs decides nothing', () => {
  const sizes: readonly Size[] = [
    { cpu: 1, memory: 1 },
    { cpu: 1, memory: 1 },
    { cpu: 2, memory: 1 },
    { cpu: 1, memory: 4 },
  ];

  it('what was lately served decides: tenants of large builds take as much as others, not as many', async () => {
    const tenants = await Promise.all(sizes.map((size) => tenantOf(size, 80)));
    const shares = await servedTo(tenants, new SlotWorld(world, dispatcherId, 1, 1), 88);
    expect(jain(shares)).toBeGreaterThanOrEqual(0.95);
  });

  it('and without that memory they would take as many: the figure above is its work', async () => {
    const tenants = await Promise.all(sizes.map((size) => tenantOf(size, 80)));
    const shares = await servedTo(tenants, new SlotWorld(world, dispatcherId, 1, 1), 88, forget);
    expect(jain(shares)).toBeLessThan(0.85);
  });

  it('the weights hold too, within a tenth', async () => {
    const weights = [1, 2, 5];
    const tenants = await Promise.all(weights.map((weight) => tenantOf({ cpu: 1, memory: 1 }, 80, weight)));
    const shares = await servedTo(tenants, new SlotWorld(world, dispatcherId, 1, 1), 80);
    for (const [index, weight] of weights.entries()) {
      expect(Math.abs((shares[index] ?? 0) - 10 * weight) / (10 * weight)).toBeLessThanOrEqual(0.1);
    }
  });
});

describe('where builds are unequal', () => {
  it('tenants run equally much of what they need most, whether that is CPU or memory', async () => {
    const tenants = await Promise.all([
      tenantOf({ cpu: 4, memory: 1 }, 200),
      tenantOf({ cpu: 1, memory: 3 }, 200),
      tenantOf({ cpu: 1, memory: 1 }, 400),
    ]);
    const slots = new SlotWorld(world, dispatcherId, 19, 3);
    const sums = tenants.map(() => 0);
    for (let n = 0; n < 40; n += 1) {
      await slots.step();
      for (const { claimed } of slots.running) {
        const index = tenants.indexOf(claimed.tenantId);
        const { cpuMillis, memoryBytes } = claimed.resources;
        sums[index] = (sums[index] ?? 0) + dominantShare(cpuMillis, memoryBytes);
      }
    }
    expect(jain(sums)).toBeGreaterThanOrEqual(0.97);
    expect(Math.max(...sums) / Math.min(...sums)).toBeLessThanOrEqual(1.3);
  });
});

describe('a guarantee', () => {
  async function guarantee(tenant: string, builds: number): Promise<void> {
    await world.database.transaction(async (tx) => {
      await tx.query('UPDATE tenants SET guaranteed_builds = $2 WHERE id = $1', [tenant, builds]);
      await world.queue.syncLane(tx, tenant);
    });
  }

  it('comes before lanes that run nothing, also in a claim of fewer builds than there are lanes', async () => {
    const owner = await tenantOf({ cpu: 1, memory: 1 }, 10);
    await world.queue.claim({ dispatcherId, limit: 2 });
    await guarantee(owner, 4);
    for (let n = 0; n < 6; n += 1) await tenantOf({ cpu: 1, memory: 1 }, 10);
    const claimed = [];
    for (let n = 0; n < 4; n += 1) claimed.push((await world.claimOne(dispatcherId)).tenantId === owner);
    // Two ran already: two more are guaranteed, and then it is one of seven.
    expect(claimed).toEqual([true, true, false, false]);
  });

  it('keeps nothing free: what its owner does not use is run by others, past their own share', async () => {
    const owner = await world.tenant(1_000);
    await guarantee(owner, 8);
    const borrower = await tenantOf({ cpu: 1, memory: 1 }, 30);
    const slots = new SlotWorld(world, dispatcherId, 10, 1_000);
    await slots.step();
    expect(slots.running.map((one) => one.claimed.tenantId)).toEqual(Array<string>(10).fill(borrower));
  });
});
