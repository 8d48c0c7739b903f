import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_CPU_MILLIS } from '@image-factory/domain';
import { jain, SlotWorld } from './order-slots.js';
import { QueueWorld } from './queue-world.js';

function percentile95(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * 0.95) - 1)] ?? 0;
}

describe('the share of tenants', () => {
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

  async function served(slots: SlotWorld, steps: number): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    for (let n = 0; n < steps; n += 1) {
      for (const { tenantId } of await slots.step()) counts.set(tenantId, (counts.get(tenantId) ?? 0) + 1);
    }
    return counts;
  }

  it('is equal among equal tenants, whatever they have queued: Jain’s index is at least 0.95', async () => {
    const tenants = await Promise.all(Array.from({ length: 12 }, () => world.tenant(1_000)));
    for (const [index, tenant] of tenants.entries())
      await world.submitMany(tenant, index === 0 ? 2_000 : 40 + index * 10);
    const counts = await served(new SlotWorld(world, dispatcherId, 18, 3), 40);
    const shares = tenants.map((tenant) => counts.get(tenant) ?? 0);
    expect(jain(shares)).toBeGreaterThanOrEqual(0.95);
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(2);
  });

  it('follows the weights within a tenth', async () => {
    const weights = [1, 2, 5];
    const tenants = await Promise.all(weights.map((weight) => world.tenant(1_000, weight)));
    for (const tenant of tenants) await world.submitMany(tenant, 400);
    const counts = await served(new SlotWorld(world, dispatcherId, 16, 4), 80);
    const total = tenants.reduce((sum, tenant) => sum + (counts.get(tenant) ?? 0), 0);
    for (const [index, tenant] of tenants.entries()) {
      const expected = ((weights[index] ?? 0) / 8) * total;
      expect(Math.abs((counts.get(tenant) ?? 0) - expected) / expected).toBeLessThanOrEqual(0.1);
    }
  });

  it('does not suffer from claims that were taken back because no provider takes the build', async () => {
    const [pinned, plain] = await Promise.all([world.tenant(1_000), world.tenant(1_000)]);
    const nowhere = new Set(await Promise.all(Array.from({ length: 8 }, () => world.submit(pinned))));
    await world.submitMany(pinned, 30);
    await world.submitMany(plain, 30);
    const ended = { [pinned]: 0, [plain]: 0 };
    while ((ended[pinned] ?? 0) + (ended[plain] ?? 0) < 20) {
      const claimed = await world.claimOne(dispatcherId);
      const { executionId, tenantId } = claimed;
      if (nowhere.delete(claimed.buildId)) {
        const parking = { reason: 'NoEligibleProvider' as const, message: '', wakeOn: 'provider:x' };
        expect(await world.queue.park({ executionId, dispatcherId, parking })).toBe(true);
        continue;
      }
      await world.fail(claimed, dispatcherId);
      ended[tenantId] = (ended[tenantId] ?? 0) + 1;
    }
    expect(nowhere.size).toBe(0);
    expect(Math.abs((ended[pinned] ?? 0) - (ended[plain] ?? 0))).toBeLessThanOrEqual(1);
  });

  it('is of CPU and memory, not of builds: a tenant of large builds runs fewer', async () => {
    const [large, small, wide] = await Promise.all([world.tenant(1_000), world.tenant(1_000), world.tenant(1_000)]);
    for (const tenant of [large, small, wide]) await world.submitMany(tenant, 200);
    await world.database.query('UPDATE builds SET cpu_millis = $2 WHERE tenant_id = $1', [
      large,
      4 * DEFAULT_CPU_MILLIS,
    ]);
    await world.database.query('UPDATE builds SET memory_bytes = 2 * memory_bytes WHERE tenant_id = $1', [wide]);
    const slots = new SlotWorld(world, dispatcherId, 14, 1_000);
    await slots.step();
    const running = (tenant: string): number => slots.running.filter((one) => one.claimed.tenantId === tenant).length;
    expect([running(large), running(wide), running(small)]).toEqual([2, 4, 8]);
    expect(await world.one(`SELECT running_cpu FROM lanes WHERE tenant_id = $1`, [large])).toEqual({
      running_cpu: 8_000,
    });
  });

  it('begins with what is guaranteed, and idle capacity is borrowed until its owner asks', async () => {
    const [owner, borrower] = await Promise.all([world.tenant(1_000), world.tenant(1_000, 10)]);
    await world.database.transaction(async (tx) => {
      await tx.query('UPDATE tenants SET guaranteed_builds = 6 WHERE id = $1', [owner]);
      await world.queue.syncLane(tx, owner);
    });
    await world.submitMany(borrower, 100);
    const slots = new SlotWorld(world, dispatcherId, 10, 2);
    await slots.step();
    expect(slots.running).toHaveLength(10);
    await world.submitMany(owner, 100);
    const next = await slots.step();
    expect(next.map((one) => one.tenantId)).toEqual(next.map(() => owner));
    for (let n = 0; n < 4; n += 1) await slots.step();
    const mine = slots.running.filter((one) => one.claimed.tenantId === owner).length;
    expect(mine).toBeGreaterThanOrEqual(6);
    expect(mine).toBeLessThan(10);
  });

  it('keeps small tenants beside ten thousand queued builds from waiting twice as long as alone', async () => {
    const waits = async (noisy: boolean): Promise<number> => {
      const slots = new SlotWorld(world, dispatcherId, 12, 3);
      if (noisy) await world.submitMany(await world.tenant(1_000), 10_000);
      const small = await Promise.all(Array.from({ length: 4 }, () => world.tenant(1_000)));
      const submittedAt = new Map<string, number>();
      const waited: number[] = [];
      for (let n = 0; n < 36; n += 1) {
        // Bursts of four per tenant: more than is free at once, also alone.
        if (n % 6 === 0) {
          for (const tenant of small) {
            for (let burst = 0; burst < 4; burst += 1) submittedAt.set(await world.submit(tenant), slots.round);
          }
        }
        for (const { buildId } of await slots.step()) {
          const since = submittedAt.get(buildId);
          if (since !== undefined) waited.push(slots.round - since);
        }
      }
      for (const one of slots.running) await world.fail(one.claimed, dispatcherId);
      expect(waited).toHaveLength(submittedAt.size);
      return percentile95(waited);
    };
    const alone = await waits(false);
    const beside = await waits(true);
    expect({ alone, beside, ratio: beside / alone <= 2 }).toMatchObject({ ratio: true });
  });
});
