import { randomUUID } from 'node:crypto';
import type { Condition, ProbeRecord, ProviderRepository, SteadyHealth } from '@image-factory/domain';
import type { TestApi } from './build-executor-contract.js';

/** A repository under the contract: with a provider of the test's own, and a way to let time pass. */
export interface ProviderProbesHarness {
  readonly repository: ProviderRepository;
  /** A new provider; returns its id. */
  addProvider(): Promise<string>;
  /** Changes its config: a new generation. */
  changeProvider(providerId: string): Promise<void>;
  /** As if so long had gone by since everything that was recorded. */
  passTime(ms: number): Promise<void>;
}

const LIMITS = { intervalMs: 30_000, detailMs: 300_000, most: 1_000 } as const;
const HEALTHY: SteadyHealth = { verdict: 'healthy', tektonAnswers: true, streak: 0 };

/** How probes are shared out and kept: the same in memory and in PostgreSQL. */
export function providerProbesContract(api: TestApi, name: string, open: () => Promise<ProviderProbesHarness>): void {
  const { describe, it, expect } = api;
  describe(`the probes of ${name}`, () => {
    it('are given to one prober in an interval, and again after it', async () => {
      const { repository, addProvider, passTime } = await open();
      const id = await addProvider();
      const first = await repository.claimDueProbes(randomUUID(), LIMITS);
      expect(first.find((one) => one.providerId === id)).toEqual({
        providerId: id,
        shown: { verdict: 'unknown', tektonAnswers: false, streak: 0 },
        detailed: true,
      });
      expect(await repository.claimDueProbes(randomUUID(), LIMITS)).toEqual([]);
      await passTime(34_000);
      expect((await repository.claimDueProbes(randomUUID(), LIMITS)).map((one) => one.providerId)).toContain(id);
    });

    it('are not recorded by a prober whose turn is over', async () => {
      const { repository, addProvider, passTime } = await open();
      const id = await addProvider();
      const [slow, quick] = [randomUUID(), randomUUID()];
      await repository.claimDueProbes(slow, LIMITS);
      await passTime(34_000);
      await repository.claimDueProbes(quick, LIMITS);
      expect(await repository.recordProbe(probe(id, quick))).toBe('recorded');
      const late = probe(id, slow, { shown: { verdict: 'unhealthy', tektonAnswers: false, streak: 0 }, lost: true });
      expect(await repository.recordProbe(late)).toBe('superseded');
      expect((await repository.find(id))?.health).toMatchObject({ verdict: 'healthy', firstLossAt: undefined });
    });

    it('of an older config are not recorded, and are made again at once', async () => {
      const { repository, addProvider, changeProvider } = await open();
      const id = await addProvider();
      const prober = randomUUID();
      await repository.claimDueProbes(prober, LIMITS);
      await changeProvider(id);
      const conditions = [condition('CredentialValid', 'True', 'CredentialExpiresSoon')];
      expect(await repository.recordProbe(probe(id, prober, { conditions }))).toBe('superseded');
      expect((await repository.find(id))?.health).toMatchObject({ verdict: 'unknown', conditions: [] });
      const again = await repository.claimDueProbes(prober, LIMITS);
      expect(again).toMatchObject([{ providerId: id, detailed: true }]);
      expect(await repository.recordProbe(probe(id, prober, { generation: 2 }))).toBe('recorded');
    });

    it('keep what contradicts what is shown for the next prober, who comes sooner', async () => {
      const { repository, addProvider, passTime } = await open();
      const id = await addProvider();
      const prober = randomUUID();
      await repository.claimDueProbes(prober, LIMITS);
      const shown = { ...HEALTHY, streak: 1 };
      await repository.recordProbe(probe(id, prober, { seen: 'unhealthy', shown, againInMs: 6_000 }));
      await passTime(5_000);
      expect(await repository.claimDueProbes(randomUUID(), LIMITS)).toEqual([]);
      await passTime(1_500);
      expect(await repository.claimDueProbes(randomUUID(), LIMITS)).toEqual([
        { providerId: id, shown, detailed: false },
      ]);
    });

    it('ask the slow questions when they are old, and when the provider has changed', async () => {
      const { repository, addProvider, changeProvider, passTime } = await open();
      const id = await addProvider();
      const prober = randomUUID();
      const claim = async (): Promise<boolean | undefined> => {
        await passTime(34_000);
        return (await repository.claimDueProbes(prober, LIMITS)).find((one) => one.providerId === id)?.detailed;
      };
      expect(await claim()).toBe(true);
      await repository.recordProbe(probe(id, prober));
      expect(await claim()).toBe(false);
      await changeProvider(id);
      expect(await claim()).toBe(true);
      await repository.recordProbe(probe(id, prober, { generation: 2 }));
      await passTime(300_000);
      expect(await claim()).toBe(true);
    });

    it('leave the Conditions alone that they did not judge, and keep the time of those that stay', async () => {
      const { repository, addProvider, passTime } = await open();
      const id = await addProvider();
      const prober = randomUUID();
      await repository.claimDueProbes(prober, LIMITS);
      await repository.recordProbe(probe(id, prober, { conditions: [condition('A', 'True'), condition('B', 'True')] }));
      const before = (await repository.find(id))?.health.conditions ?? [];
      await passTime(1_000);
      await repository.recordProbe(probe(id, prober, { conditions: [condition('B', 'False', 'Worse')] }));
      const after = (await repository.find(id))?.health.conditions ?? [];
      expect(after.map(({ type, status, reason }) => [type, status, reason]).sort()).toEqual([
        ['A', 'True', 'Because'],
        ['B', 'False', 'Worse'],
      ]);
      expect(timeOf(after, 'A')).toEqual(timeOf(before, 'A'));
    });

    it('keep the first loss over failed probes, and forget it at the first answer', async () => {
      const { repository, addProvider, passTime } = await open();
      const id = await addProvider();
      const prober = randomUUID();
      await repository.claimDueProbes(prober, LIMITS);
      const lost = probe(id, prober, { lost: true, seen: 'unhealthy', clusterUid: undefined });
      await repository.recordProbe(lost);
      const first = (await repository.find(id))?.health.firstLossAt;
      expect(first === undefined).toBe(false);
      await passTime(2_000);
      await repository.recordProbe(lost);
      expect((await repository.find(id))?.health.firstLossAt).toEqual(first);
      await repository.recordProbe(probe(id, prober));
      expect((await repository.find(id))?.health.firstLossAt).toBeUndefined();
    });

    it('show a cluster as degraded while its watch is stale, whatever probes say, and no longer', async () => {
      const { repository, addProvider } = await open();
      const [id, other] = [await addProvider(), await addProvider()];
      const prober = randomUUID();
      await repository.claimDueProbes(prober, LIMITS);
      await repository.recordProbe(probe(id, prober));
      await repository.recordProbe(probe(other, prober));
      await repository.recordWatchStaleness({ stale: [id], afterMs: 120_000 });
      await repository.recordProbe(probe(id, prober));
      expect((await repository.find(id))?.health).toMatchObject({ verdict: 'degraded', watchFresh: false });
      expect((await repository.find(other))?.health).toMatchObject({ verdict: 'healthy', watchFresh: true });
      await repository.recordWatchStaleness({ stale: [], afterMs: 120_000 });
      expect((await repository.find(id))?.health).toMatchObject({ verdict: 'healthy', watchFresh: true });
    });
  });
}

function timeOf(conditions: readonly Condition[], type: string): Date | undefined {
  return conditions.find((one) => one.type === type)?.lastTransitionTime;
}

function condition(type: string, status: Condition['status'], reason = 'Because'): Condition {
  return { type, status, reason, message: 'so it is', lastTransitionTime: new Date(0) };
}

/** A probe that found all well. */
function probe(providerId: string, proberId: string, more: Partial<ProbeRecord> = {}): ProbeRecord {
  return {
    providerId,
    proberId,
    generation: 1,
    seen: 'healthy',
    because: undefined,
    shown: HEALTHY,
    conditions: [condition('Reachable', 'True')],
    lost: false,
    detailed: true,
    clusterUid: 'uid-1',
    credentialExpiresAt: undefined,
    latencyMs: { version: 3 },
    facts: { kubernetes_version: 'v1.36.3' },
    againInMs: undefined,
    ...more,
  };
}
