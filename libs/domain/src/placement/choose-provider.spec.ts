import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Provider } from '../provider/provider.js';
import { chooseProvider, type PlacementRequest } from './choose-provider.js';
import { seenByTenant } from './seen-by-tenant.js';

const AT = new Date('2026-01-01T00:00:00Z');

function provider(over: Partial<Provider> = {}): Provider {
  return {
    id: over.name ?? 'p',
    name: 'p',
    type: 'kubernetes',
    source: 'api',
    isGlobal: false,
    isDefault: false,
    state: 'enabled',
    drainDeadlineAt: undefined,
    generation: 1,
    settings: {},
    capabilities: [],
    labels: {},
    maxConcurrentBuilds: 0,
    running: 0,
    unswept: 0,
    sweepBehind: false,
    region: undefined,
    pricePerMinute: undefined,
    allowPrivileged: false,
    shardCount: 8,
    health: {
      verdict: 'healthy',
      conditions: [],
      firstLossAt: undefined,
      probedAt: AT,
      tektonAnswers: true,
      watchFresh: true,
    },
    createdAt: AT,
    updatedAt: AT,
    ...over,
  };
}

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
    expect(decision).toMatchObject({ chosen: { name: 'b' }, rejected: [] });
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

  it('gives equal choices for equal inputs in any order, and accounts for every provider', () => {
    const some = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1 }).chain((names) =>
      fc.tuple(
        ...names.map((name) =>
          fc
            .record({
              isGlobal: fc.boolean(),
              state: fc.constantFrom('enabled' as const, 'cordoned' as const),
              running: fc.integer({ min: 0, max: 4 }),
              maxConcurrentBuilds: fc.constantFrom(0, 2, 4),
            })
            .map((over) => provider({ name, ...over })),
        ),
      ),
    );
    fc.assert(
      fc.property(some, (providers) => {
        const facts = { providers, grantedProviderIds: granted('a', 'c') };
        const decision = chooseProvider(request, facts);
        expect(chooseProvider(request, { ...facts, providers: [...providers].reverse() }).chosen).toEqual(
          decision.chosen,
        );
        const chosen = providers.find((one) => one.id === decision.chosen?.providerId);
        expect(chosen === undefined || chosen.state === 'enabled').toBe(true);
        expect(decision.rejected.length).toBeLessThanOrEqual(providers.length - (chosen === undefined ? 0 : 1));
      }),
    );
  });
});
