import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseProvider } from './choose-provider.js';
import { neverEligible } from './never-eligible.js';
import type { PlacementRequest } from './placement-request.js';
import { provider } from './provider.fixture.js';

const request: PlacementRequest = { tenantId: 't', buildMethod: 'kaniko', infrastructureType: 'kubernetes' };

describe('neverEligible', () => {
  it('says nothing of a tenant that has no provider at all: one may be registered', () => {
    const asked = { ...request, requirements: { capabilities: ['x'], labels: {} } };
    const hidden = { providers: [provider({ name: 'hidden' })], grantedProviderIds: new Set<string>() };
    expect(neverEligible(asked, { ...hidden, providers: [] })).toEqual([]);
    expect(neverEligible(asked, hidden)).toEqual([]);
  });

  it('is empty exactly when some provider would be chosen were all enabled, healthy and idle', () => {
    const anyProvider = (name: string) =>
      fc
        .record({
          capabilities: fc.subarray(['arm64', 'gpu']),
          labels: fc.constantFrom({}, { a: 'b' }),
          region: fc.constantFrom(undefined, 'eu'),
          state: fc.constantFrom('enabled' as const, 'cordoned' as const, 'draining' as const),
          running: fc.constantFrom(0, 5),
          verdict: fc.constantFrom('healthy' as const, 'unhealthy' as const),
        })
        .map(({ verdict, ...over }) =>
          provider({
            name,
            isGlobal: true,
            maxConcurrentBuilds: 5,
            ...over,
            health: { ...provider().health, verdict },
          }),
        );
    const anyRequest = fc
      .record({
        capabilities: fc.subarray(['arm64', 'gpu']),
        labels: fc.constantFrom({}, { a: 'b' }),
        wish: fc.constantFrom({}, { region: 'eu' }, { gpu: true }),
      })
      .map(({ capabilities, labels, wish }) => ({ ...request, requirements: { capabilities, labels, ...wish } }));
    fc.assert(
      fc.property(fc.tuple(anyProvider('a'), anyProvider('b'), anyProvider('c')), anyRequest, (providers, asked) => {
        const facts = { providers, grantedProviderIds: new Set<string>() };
        const best = providers.map((one) => ({
          ...one,
          state: 'enabled' as const,
          running: 0,
          health: provider().health,
        }));
        const possible = chooseProvider(asked, { ...facts, providers: best }).chosen !== undefined;
        expect(neverEligible(asked, facts).length === 0).toBe(possible);
      }),
    );
  });
});
