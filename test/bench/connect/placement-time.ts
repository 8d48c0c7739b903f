import { chooseProvider, type PlacementRequest } from '@image-factory/domain';
import { FakeClock, InMemoryProviderRepository } from '@image-factory/test-support';
import { toResult, type BenchmarkResult } from '../report.ts';

const CLUSTERS = 500;

/** One decision over 500 clusters: a tenth is cordoned, a tenth unhealthy, a tenth full, the others are fit. */
export async function measurePlacement(quick: boolean): Promise<BenchmarkResult[]> {
  const repository = new InMemoryProviderRepository(new FakeClock());
  for (let index = 0; index < CLUSTERS; index += 1) {
    const kind = index % 10;
    const health = {
      verdict: kind === 1 ? ('unhealthy' as const) : ('healthy' as const),
      conditions: [],
      firstLossAt: undefined,
      probedAt: undefined,
      tektonAnswers: kind !== 1,
      watchFresh: true,
    };
    repository.put(
      `cluster-${index}`,
      { auth_method: 'token' },
      {
        state: kind === 0 ? 'cordoned' : 'enabled',
        health,
        maxConcurrentBuilds: 10,
        running: kind === 2 ? 10 : index % 9,
      },
    );
  }
  const providers = await repository.list();
  const facts = { providers, grantedProviderIds: new Set(providers.map(({ id }) => id)) };
  const samples: number[] = [];
  for (let index = 0; index < (quick ? 200 : 2_000); index += 1) {
    const request: PlacementRequest = {
      tenantId: `tenant-${index % 50}`,
      buildMethod: 'kaniko',
      infrastructureType: 'kubernetes',
    };
    const fromMs = performance.now();
    const decision = chooseProvider(request, facts);
    samples.push(performance.now() - fromMs);
    if (decision.chosen === undefined || decision.rejected.length < (CLUSTERS * 3) / 10)
      throw new Error('the decision is not the one that is measured');
  }
  const micros = samples.slice(samples.length / 10).map((ms) => ms * 1000);
  const title = `one placement decision over ${CLUSTERS} clusters, µs`;
  return [
    toResult({
      id: 'placement',
      title,
      samples: micros,
      q: 0.5,
      target: { text: 'under 1,000', met: (value) => value < 1_000 },
    }),
    toResult({ id: 'placement-p99', title: `${title}, p99`, samples: micros, q: 0.99 }),
  ];
}
