import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DetectedCapabilities } from '../provider/detected.js';
import type { Provider, ProviderHealthView } from '../provider/provider.js';
import { chooseProvider } from './choose-provider.js';
import { PLACEMENT_FILTERS } from './placement-filters.js';
import type { PlacementFacts, PlacementRequest, ProviderHistory } from './placement-request.js';
import { provider } from './provider.fixture.js';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'] as const;
const AT = '2026-01-01T00:00:00Z';
const REGISTRY = 'r.example';
/** What a build asks for when nothing else is said. */
const BARE: PlacementRequest = { tenantId: 't', buildMethod: 'kaniko', infrastructureType: 'kubernetes' };

const anyDetected: fc.Arbitrary<DetectedCapabilities | undefined> = fc.option(
  fc.record({
    architectures: fc.subarray(['amd64', 'arm64']),
    operatingSystems: fc.subarray(['linux', 'windows']),
    gpus: fc.constantFrom(0, 2),
    largestNode: fc.constantFrom(
      { cpuMillis: 1_000, memoryBytes: 2 ** 30 },
      { cpuMillis: 8_000, memoryBytes: 2 ** 35 },
    ),
    kubernetesVersion: fc.constantFrom('v1.34.2', 'v1.35.0'),
    undetected: fc.constant({}),
    detectedAt: fc.constant(AT),
    generation: fc.constant(1),
  }),
  { nil: undefined },
);

const anyHealth: fc.Arbitrary<ProviderHealthView> = fc
  .record({
    verdict: fc.constantFrom('healthy' as const, 'healthy' as const, 'degraded' as const, 'unhealthy' as const),
    tektonAnswers: fc.boolean(),
    watchFresh: fc.boolean(),
    condition: fc.constantFrom(undefined, ['Schedulable', 'AllNodesCordoned'], ['RequestsAccepted', 'BreakerOpen']),
  })
  .map(({ condition, ...health }) => ({
    ...health,
    conditions:
      condition === undefined
        ? []
        : [
            {
              type: condition[0] ?? '',
              status: 'False' as const,
              reason: condition[1] ?? '',
              message: '',
              lastTransitionTime: new Date(AT),
            },
          ],
    firstLossAt: undefined,
    probedAt: new Date(AT),
  }));

const anyProvider = (name: string): fc.Arbitrary<Provider> =>
  fc
    .record({
      isGlobal: fc.boolean(),
      isDefault: fc.boolean(),
      source: fc.constantFrom('api' as const, 'environment' as const, 'discovery' as const),
      state: fc.constantFrom('enabled' as const, 'cordoned' as const, 'draining' as const, 'disabled' as const),
      settings: fc.constantFrom({}, {}, { tektonEnabled: false }),
      running: fc.integer({ min: 0, max: 4 }),
      maxConcurrentBuilds: fc.constantFrom(0, 2, 4),
      capabilities: fc.subarray(['arm64', 'amd64', 'gpu', 'windows']),
      labels: fc.constantFrom({}, { environment: 'production' }),
      region: fc.constantFrom(undefined, 'eu', 'us'),
      pricePerMinute: fc.constantFrom(undefined, 1, 2),
      sweepBehind: fc.boolean(),
      allowPrivileged: fc.boolean(),
      type: fc.constantFrom('kubernetes' as const, 'local' as const),
      detected: anyDetected,
      health: anyHealth,
    })
    .map((over) => provider({ name, ...over }));

const anyProviders = fc
  .uniqueArray(fc.constantFrom(...NAMES), { minLength: 1 })
  .chain((names) => fc.tuple(...names.map(anyProvider)));

const anyHistory: fc.Arbitrary<ProviderHistory> = fc.record({
  ended: fc.constantFrom(0, 10),
  failed: fc.integer({ min: 0, max: 10 }),
  startSeconds: fc.constantFrom(undefined, 1, 100),
  unreachedRegistries: fc.subarray([REGISTRY]),
  runningByTenant: fc.constantFrom(new Map(), new Map([['t', 3]])),
});

/** Everything besides the providers that a placement is decided on. */
const anyFacts: fc.Arbitrary<Omit<PlacementFacts, 'providers'>> = fc.record({
  grantedProviderIds: fc.subarray([...NAMES]).map((ids) => new Set(ids)),
  openBreakers: fc.subarray([...NAMES]).map((ids) => new Set(ids)),
  history: fc.array(fc.tuple(fc.constantFrom(...NAMES), anyHistory)).map((entries) => new Map(entries)),
});

const anyRequest: fc.Arbitrary<PlacementRequest> = fc
  .record({
    projectId: fc.constantFrom('p', 'q'),
    infrastructureType: fc.constantFrom('kubernetes' as const, 'kubernetes' as const, 'local' as const),
    buildMethod: fc.constantFrom('kaniko' as const, 'buildx' as const),
    capabilities: fc.subarray(['arm64', 'gpu']),
    labels: fc.constantFrom({}, { environment: 'production' }, { 'image-factory.io/kubernetes-version': 'v1.35.0' }),
    wish: fc.constantFrom(
      {},
      { gpu: true },
      { architecture: 'amd64' as const },
      { region: 'eu' },
      { preferredRegion: 'us' },
      { os: 'windows' as const },
    ),
    resources: fc.constantFrom({ cpuMillis: 500, memoryBytes: 2 ** 28 }, { cpuMillis: 4_000, memoryBytes: 2 ** 33 }),
    avoided: fc.array(fc.tuple(fc.constantFrom(...NAMES), fc.record({ attempt: fc.nat(3), message: fc.constant('') }))),
    named: fc.option(fc.constantFrom(...NAMES), { nil: undefined, freq: 5 }),
  })
  .map(({ capabilities, labels, wish, avoided, named, ...asked }) => ({
    ...BARE,
    ...asked,
    registry: REGISTRY,
    requirements: { capabilities, labels, ...wish },
    avoided: new Map(avoided),
    ...(named === undefined ? {} : { providerId: named }),
  }));

/** Passed over for something else than a filter: they would do. */
const ELIGIBLE_ALL_THE_SAME = ['ProviderOutranked', 'ProviderAvoided'];

function eligible(asked: PlacementRequest, facts: PlacementFacts, filters = PLACEMENT_FILTERS): string[] {
  const { candidates, rejected } = chooseProvider(asked, facts, filters);
  const passedOver = rejected.filter(({ reason }) => ELIGIBLE_ALL_THE_SAME.includes(reason));
  return [...candidates, ...passedOver].map(({ providerId }) => providerId);
}

describe('every placement', () => {
  it('is the same for equal inputs in any order, and accounts for every provider', () => {
    fc.assert(
      fc.property(anyProviders, anyRequest, anyFacts, (providers, asked, more) => {
        const decision = chooseProvider(asked, { ...more, providers });
        expect(chooseProvider(asked, { ...more, providers: [...providers].reverse() }).chosen).toEqual(decision.chosen);
        const told = [...decision.candidates, ...decision.rejected].map(({ providerId }) => providerId);
        const wanted = providers.filter(({ id }) => asked.providerId === undefined || id === asked.providerId);
        expect(told.sort()).toEqual(wanted.map(({ id }) => id).sort());
      }),
    );
  });

  it('goes nowhere that is not enabled, granted, fit and free, and to what was avoided only without another', () => {
    fc.assert(
      fc.property(anyProviders, anyRequest, anyFacts, (providers, asked, more) => {
        const { chosen } = chooseProvider(asked, { ...more, providers });
        const found = providers.find(({ id }) => id === chosen?.providerId);
        if (found === undefined) return;
        const { id, state, health, maxConcurrentBuilds, running, isGlobal, isDefault, source } = found;
        expect(state).toBe('enabled');
        expect(more.grantedProviderIds.has(id) || isGlobal || isDefault || source === 'environment').toBe(true);
        expect(more.openBreakers?.has(id)).toBe(false);
        expect(health.verdict).not.toBe('unhealthy');
        expect(maxConcurrentBuilds === 0 || running < maxConcurrentBuilds).toBe(true);
        expect(more.history?.get(id)?.unreachedRegistries ?? []).toEqual([]);
        const others = eligible(asked, { ...more, providers }).filter((other) => !asked.avoided?.has(other));
        expect(
          asked.avoided?.has(id) !== true || (asked.avoided.get(id)?.attempt ?? 0) === 0 || others.length === 0,
        ).toBe(true);
      }),
    );
  });

  it('has no candidate less when a filter is removed', () => {
    const without = fc.subarray([...PLACEMENT_FILTERS]);
    fc.assert(
      fc.property(anyProviders, anyRequest, anyFacts, without, without, (providers, asked, more, some, others) => {
        const facts = { ...more, providers };
        const all = PLACEMENT_FILTERS.filter((filter) => some.includes(filter));
        const fewer = all.filter((filter) => !others.includes(filter));
        const kept = new Set(eligible(asked, facts, fewer));
        for (const id of eligible(asked, facts, all)) expect(kept).toContain(id);
      }),
    );
  });

  it.each(PLACEMENT_FILTERS.map((filter) => [filter.name, filter] as const))(
    'is kept away by the filter %s in some of these cases, and not in others',
    (_name, filter) => {
      const sample = fc.sample(fc.tuple(anyProviders, anyRequest, anyFacts), { numRuns: 300, seed: 7 });
      const kept = sample.map(([providers, asked, more]) => eligible(asked, { ...more, providers }, [filter]).length);
      const all = sample.map(([providers, asked, more]) => eligible(asked, { ...more, providers }, []).length);
      expect(kept.some((count, index) => count < (all[index] ?? 0))).toBe(true);
      expect(kept.some((count, index) => count > 0 && count === all[index])).toBe(true);
    },
  );
});

/** Builds of as many projects that all run at once, placed one after another. */
function placeAll(projects: readonly string[], ids: readonly string[]): { homes: string[]; loads: number[] } {
  const running = new Map(ids.map((id) => [id, 0]));
  const homes = projects.map((projectId) => {
    const providers = ids.map((id) => provider({ name: id, isGlobal: true, running: running.get(id) ?? 0 }));
    const { chosen } = chooseProvider({ ...BARE, projectId }, { providers, grantedProviderIds: new Set() });
    const home = chosen?.providerId ?? '';
    running.set(home, (running.get(home) ?? 0) + 1);
    return home;
  });
  return { homes, loads: [...running.values()] };
}

describe('a fleet', () => {
  const anyFleet = fc.record({ seed: fc.uuid(), leaving: fc.integer({ min: 0, max: 9 }) });
  const named = (seed: string, kind: string, count: number) =>
    Array.from({ length: count }, (_, index) => `${kind}-${seed}-${index}`);

  it('loads none of its clusters with more than 1.25 times the mean', () => {
    fc.assert(
      fc.property(anyFleet, fc.integer({ min: 20, max: 400 }), ({ seed }, count) => {
        const { loads } = placeAll(named(seed, 'project', count), named(seed, 'cluster', 10));
        expect(Math.max(...loads)).toBeLessThanOrEqual(Math.max(4, Math.ceil((1.25 * count) / 10)));
      }),
      { numRuns: 20 },
    );
  });

  it('moves at most 15 % of the projects when one of ten clusters leaves', () => {
    fc.assert(
      fc.property(anyFleet, ({ seed, leaving }) => {
        const projects = named(seed, 'project', 1_000);
        const ids = named(seed, 'cluster', 10);
        const before = placeAll(projects, ids);
        const after = placeAll(
          projects,
          ids.filter((_, index) => index !== leaving),
        );
        const moved = projects.filter((_, index) => before.homes[index] !== after.homes[index]);
        expect(moved.length).toBeLessThanOrEqual(150);
      }),
      { numRuns: 20 },
    );
  });
});
