import type { Provider } from '../provider/provider.js';

const AT = new Date('2026-01-01T00:00:00Z');

/** A healthy cluster that nobody was given yet. */
export function provider(over: Partial<Provider> = {}): Provider {
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
