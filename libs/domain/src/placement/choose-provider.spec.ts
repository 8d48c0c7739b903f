import { describe, expect, it } from 'vitest';
import type { Provider } from '../provider/provider.js';
import { chooseProvider } from './choose-provider.js';
import { boundedDecision, seenByTenant } from './placement-decision.js';
import type { PlacementFacts, PlacementRequest, ProviderHistory } from './placement-request.js';
import { provider } from './provider.fixture.js';

const request: PlacementRequest = { tenantId: 't', buildMethod: 'kaniko', infrastructureType: 'kubernetes' };
const granted = (...ids: string[]): ReadonlySet<string> => new Set(ids);

describe('chooseProvider', () => {
  it('takes the default cluster before a global one, and that before a granted one', () => {
    const providers = [
      provider({ name: 'granted' }),
      provider({ name: 'global', isGlobal: true }),
      provider({ name: 'default', isDefault: true }),
    ];
    const facts = { providers, grantedProviderIds: granted('granted') };
    expect(chooseProvider(request, facts).chosen).toMatchObject({ name: 'default', basis: 'default_cluster' });
    expect(chooseProvider(request, { ...facts, providers: providers.slice(0, 2) }).chosen).toMatchObject({
      name: 'global',
    });
    expect(chooseProvider(request, { ...facts, providers: providers.slice(0, 1) }).chosen).toMatchObject({
      name: 'granted',
    });
  });

  it.each([
    ['ProviderTypeMismatch', { type: 'local' as const }],
    ['ProviderDisabled', { state: 'disabled' as const }],
    ['ProviderCordoned', { state: 'cordoned' as const }],
    ['ProviderDraining', { state: 'draining' as const }],
    ['TektonDisabled', { settings: { tektonEnabled: false } }],
    ['SweepBehind', { sweepBehind: true, unswept: 2_000 }],
    ['ProviderAtLimit', { maxConcurrentBuilds: 2, running: 2 }],
    ['ProviderUnhealthy', { health: { ...provider().health, verdict: 'unhealthy' as const } }],
    ['ProviderUnhealthy', { health: { ...provider().health, verdict: 'degraded' as const, watchFresh: false } }],
  ])('rejects with %s and says so', (reason, over) => {
    const decision = chooseProvider(request, {
      providers: [provider({ isGlobal: true, ...over })],
      grantedProviderIds: granted('p'),
    });
    expect(decision.chosen).toBeUndefined();
    expect(decision.rejected).toMatchObject([{ providerId: 'p', reason }]);
    expect(decision.rejected[0]?.message).not.toBe('');
  });

  it('uses a degraded cluster whose Tekton answers and whose watch is fresh', () => {
    const degraded = provider({ isGlobal: true, health: { ...provider().health, verdict: 'degraded' } });
    expect(chooseProvider(request, { providers: [degraded], grantedProviderIds: granted() }).chosen).toBeDefined();
  });

  it('never runs a tenant’s build on a local host that is not granted to it', () => {
    const local = provider({ type: 'local', isGlobal: true });
    const decision = chooseProvider(
      { ...request, infrastructureType: 'local' },
      { providers: [local], grantedProviderIds: granted() },
    );
    expect(decision.rejected).toMatchObject([{ reason: 'ProviderNotGranted' }]);
  });

  it('names what is not granted as such, whatever else is wrong with it, so that a tenant’s view leaves it out', () => {
    const providers = [
      provider({ name: 'hidden', type: 'local', state: 'disabled' }),
      provider({ name: 'shown', state: 'cordoned' }),
    ];
    const decision = chooseProvider(request, { providers, grantedProviderIds: granted('shown') });
    expect(decision.rejected.map((one) => one.reason)).toEqual(['ProviderNotGranted', 'ProviderCordoned']);
    expect(seenByTenant(decision).rejected.map((one) => one.name)).toEqual(['shown']);
  });

  it('keeps buildx away from a cluster that allows no privileged pod', () => {
    const buildx = { ...request, buildMethod: 'buildx' as const };
    const facts = { providers: [provider({ isGlobal: true })], grantedProviderIds: granted() };
    expect(chooseProvider(buildx, facts).rejected).toMatchObject([{ reason: 'MethodNotSupported' }]);
  });

  it('passes over a provider on which the build just failed, while another is eligible', () => {
    const first = provider({ name: 'first', isDefault: true });
    const second = provider({ name: 'second', isGlobal: true });
    const full = { ...second, maxConcurrentBuilds: 1, running: 1 };
    const avoided = new Map([['first', { attempt: 1, message: 'attempt 1 ended there with PodEvicted' }]]);
    const choose = (providers: Provider[], over: Partial<PlacementRequest> = {}) =>
      chooseProvider({ ...request, avoided, ...over }, { providers, grantedProviderIds: granted() });
    expect(choose([first, second])).toMatchObject({
      chosen: { name: 'second' },
      rejected: [{ name: 'first', reason: 'ProviderAvoided', message: 'attempt 1 ended there with PodEvicted' }],
    });
    expect(choose([first, full]).chosen).toMatchObject({ name: 'first' });
    expect(choose([first, second], { providerId: 'first' }).chosen).toMatchObject({ name: 'first', basis: 'named' });
  });

  it('takes the one that failed longest ago when the build has failed on all', () => {
    const providers = [provider({ name: 'a', isDefault: true }), provider({ name: 'b', isGlobal: true })];
    const avoided = new Map([
      ['a', { attempt: 2, message: '' }],
      ['b', { attempt: 1, message: '' }],
    ]);
    const decision = chooseProvider({ ...request, avoided }, { providers, grantedProviderIds: granted() });
    expect(decision).toMatchObject({ chosen: { name: 'b' }, rejected: [{ name: 'a', reason: 'ProviderAvoided' }] });
  });

  it('considers only the named provider when one is named', () => {
    const providers = [
      provider({ name: 'a', isGlobal: true }),
      provider({ name: 'b', state: 'cordoned', isGlobal: true }),
    ];
    const decision = chooseProvider({ ...request, providerId: 'b' }, { providers, grantedProviderIds: granted() });
    expect(decision.chosen).toBeUndefined();
    expect(decision.rejected.map((one) => one.name)).toEqual(['b']);
  });

  it('says of one that is eligible and comes later in the order that it does', () => {
    const providers = [provider({ name: 'default', isDefault: true }), provider({ name: 'global', isGlobal: true })];
    const decision = chooseProvider(request, { providers, grantedProviderIds: granted() });
    expect(decision.rejected).toMatchObject([{ name: 'global', reason: 'ProviderOutranked' }]);
  });
});

describe('what a build asks for', () => {
  const arm = provider({ name: 'arm', isGlobal: true, capabilities: ['arm64', 'gpu'], region: 'eu-west-1' });
  const found = {
    architectures: ['amd64'],
    operatingSystems: ['windows'],
    gpus: 0,
    largestNode: { cpuMillis: 4_000, memoryBytes: 2 ** 33 },
    kubernetesVersion: 'v1.34.2',
    undetected: {},
    detectedAt: '2026-01-01T00:00:00Z',
    generation: 1,
  };
  const detected = provider({
    name: 'detected',
    isGlobal: true,
    labels: { environment: 'production', region: 'us-east-1' },
    detected: found,
  });
  const unknown = provider({ name: 'unknown', isGlobal: true });
  const ask = (requirements: Partial<NonNullable<PlacementRequest['requirements']>>) => {
    const facts = { providers: [arm, detected, unknown], grantedProviderIds: granted() };
    const asked = { ...request, requirements: { capabilities: [], labels: {}, ...requirements } };
    const { candidates, rejected } = chooseProvider(asked, facts);
    return {
      eligible: candidates.map(({ name }) => name).sort(),
      reasons: [...new Set(rejected.map(({ reason }) => reason))],
    };
  };

  it.each([
    ['an architecture that is declared', { architecture: 'arm64' }, ['arm'], 'ArchitectureMissing'],
    ['an architecture that is detected', { architecture: 'amd64' }, ['detected'], 'ArchitectureMissing'],
    ['an operating system that is detected', { os: 'windows' }, ['detected'], 'OperatingSystemMissing'],
    [
      'linux, which is there unless something else is said',
      { os: 'linux' },
      ['arm', 'unknown'],
      'OperatingSystemMissing',
    ],
    ['a GPU', { gpu: true }, ['arm'], 'GpuMissing'],
    [
      'a label that is detected',
      { labels: { 'image-factory.io/kubernetes-version': 'v1.34.2' } },
      ['detected'],
      'LabelMismatch',
    ],
    ['capabilities, all of them', { capabilities: ['arm64', 'gpu'] }, ['arm'], 'CapabilityMissing'],
    ['a capability that was detected', { capabilities: ['amd64'] }, ['detected'], 'CapabilityMissing'],
    ['labels', { labels: { environment: 'production' } }, ['detected'], 'LabelMismatch'],
    ['a region', { region: 'eu-west-1' }, ['arm'], 'RegionMismatch'],
    ['a region that is only a label', { region: 'us-east-1' }, ['detected'], 'RegionMismatch'],
  ] as const)('is %s', (_what, requirements, eligible, reason) => {
    expect(ask(requirements)).toEqual({ eligible, reasons: [reason] });
  });

  it('is a node that is large enough, where nodes are known', () => {
    const large = { ...request, resources: { cpuMillis: 8_000, memoryBytes: 2 ** 30 } };
    const facts = { providers: [detected, unknown], grantedProviderIds: granted() };
    expect(chooseProvider(large, facts)).toMatchObject({
      chosen: { name: 'unknown' },
      rejected: [{ name: 'detected', reason: 'NodeTooSmall' }],
    });
  });
});

describe('what is known of providers', () => {
  const at = new Date(0);
  const condition = (type: string, reason: string) => ({
    ...provider().health,
    conditions: [{ type, status: 'False' as const, reason, message: '', lastTransitionTime: at }],
  });
  const history = (over: Partial<ProviderHistory>): ProviderHistory => ({
    ended: 0,
    failed: 0,
    startSeconds: undefined,
    unreachedRegistries: [],
    runningByTenant: new Map(),
    ...over,
  });
  const a = provider({ name: 'a', isGlobal: true });
  const b = provider({ name: 'b', isGlobal: true });
  const choose = (facts: Partial<PlacementFacts>, over: Partial<PlacementRequest> = {}) =>
    chooseProvider({ ...request, ...over }, { providers: [a, b], grantedProviderIds: granted(), ...facts });

  it.each([
    ['NoSchedulableNode', { providers: [{ ...a, health: condition('Schedulable', 'AllNodesCordoned') }] }],
    ['BreakerOpen', { providers: [a], openBreakers: new Set(['a']) }],
    [
      'RegistryNotReached',
      { providers: [a], history: new Map([['a', history({ unreachedRegistries: ['r.example'] })]]) },
    ],
  ])('rejects with %s', (reason, facts) => {
    const decision = choose(facts, { registry: 'r.example' });
    expect(decision).toMatchObject({ chosen: undefined, rejected: [{ name: 'a', reason }] });
  });

  it('goes to a cluster to which only another dispatcher sends nothing', () => {
    const seen = { ...a, health: condition('RequestsAccepted', 'BreakerOpen') };
    expect(choose({ providers: [seen], openBreakers: new Set() }).chosen).toMatchObject({ name: 'a' });
  });

  it.each([
    ['fewer recent failures', { history: new Map([['a', history({ ended: 10, failed: 6 })]]) }, {}],
    ['quicker starts', { history: new Map([['a', history({ ended: 3, startSeconds: 120 })]]) }, {}],
    ['more room', { providers: [{ ...a, running: 2 }, b] }, {}],
    [
      'the lower price',
      {
        providers: [
          { ...a, pricePerMinute: 2 },
          { ...b, pricePerMinute: 1 },
        ],
      },
      {},
    ],
    ['the preferred region', { providers: [a, { ...b, region: 'r' }] }, { preferredRegion: 'r' }],
    [
      'fewer builds of the tenant',
      { history: new Map([['a', history({ runningByTenant: new Map([['t', 2]]) })]]) },
      {},
    ],
  ])('prefers %s', (_what, facts, wish) => {
    const requirements = { capabilities: [], labels: {}, ...wish };
    expect(choose(facts, { requirements }).chosen?.name).toBe('b');
    expect(choose({}, { requirements }).chosen?.name).toBe('a');
  });

  it('brings a project back to the same provider, and others to others', () => {
    const home = (projectId: string) => choose({}, { projectId }).chosen?.name;
    const homes = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6'].map(home);
    expect(homes).toEqual(['p1', 'p2', 'p3', 'p4', 'p5', 'p6'].map(home));
    expect(new Set(homes)).toEqual(new Set(['a', 'b']));
  });

  it('shows each candidate with the parts of its score, the best first', () => {
    const { chosen, candidates } = choose({ providers: [{ ...a, running: 2 }, b] });
    expect(candidates.map(({ name }) => name)).toEqual(['b', 'a']);
    expect(chosen).toMatchObject({ score: 1, parts: { headroom: 1, reliability: 1, start: 1, spread: 1 } });
    expect(candidates[1]?.score).toBeLessThan(1);
  });

  it('is kept in a bounded size with every rejected provider in it, the tenant’s own before all others', () => {
    const providers = Array.from({ length: 500 }, (_, index) =>
      provider({ name: `c${index}`, id: `c${index}`, isGlobal: index >= 450, state: 'cordoned' }),
    );
    const decision = chooseProvider(request, { providers, grantedProviderIds: granted() });
    const bounded = boundedDecision(decision);
    expect(bounded.rejected).toHaveLength(100);
    expect(bounded.rejected.slice(0, 50).every(({ reason }) => reason === 'ProviderCordoned')).toBe(true);
    expect(bounded.more).toMatchObject([{ reason: 'ProviderNotGranted', count: 400 }]);
    const named = [...bounded.rejected.map((one) => one.providerId), ...bounded.more.flatMap((one) => one.providerIds)];
    expect(new Set(named).size).toBe(500);
    expect(JSON.stringify(bounded).length).toBeLessThan(40_000);
    expect(seenByTenant(bounded)).toMatchObject({ rejected: { length: 50 }, more: [] });
  });
});
