import type { Provider } from '@image-factory/domain';
import type { GaugeName, GaugeReading, Metrics } from '@image-factory/telemetry';
import { describe, expect, it } from 'vitest';
import { observeClusters } from './observe-clusters.js';

function world() {
  const gauges = new Map<GaugeName, () => readonly GaugeReading[]>();
  const metrics = {
    observeMany: (name: GaugeName, read: () => readonly GaugeReading[]) => gauges.set(name, read),
  } as unknown as Metrics;
  const pool = {
    view: () => ({ idle: 3, inUse: 2, draining: 1, connecting: 0 }),
    openSockets: () => new Map([['p', 4]]),
    tokens: () => new Map([['p', { renewals: 7, failures: 1, expiresAt: new Date(5_000), failure: undefined }]]),
  };
  const board = observeClusters(metrics, pool);
  /** `label value` of each series. */
  const read = (name: GaugeName): string[] =>
    (gauges.get(name)?.() ?? []).map(({ value, attributes }) => `${Object.values(attributes).join(' ')} ${value}`);
  return { board, read };
}

const provider = (id: string, over: Partial<Provider> = {}): Provider =>
  ({
    id,
    type: 'kubernetes',
    state: 'enabled',
    health: {
      verdict: 'degraded',
      conditions: [
        { type: 'Reachable', status: 'True' },
        { type: 'ApiResponsive', status: 'False' },
        { type: 'Schedulable', status: 'Unknown' },
        { type: 'CredentialValid', status: 'True', reason: 'CredentialExpiresSoon' },
      ],
    },
    ...over,
  }) as unknown as Provider;

describe('the metrics of clusters', () => {
  it('show one status of each provider, its Conditions, open connections, and the pool by state', () => {
    const { board, read } = world();
    expect(read('clusterHealth')).toEqual([]);
    board.show([provider('p')]);
    expect(read('clusterHealth')).toEqual(['p healthy 0', 'p degraded 1', 'p unhealthy 0', 'p unknown 0']);
    expect(read('clusterCondition')).toEqual([
      'p Reachable 1',
      'p ApiResponsive 0',
      'p Schedulable -1',
      'p CredentialValid 1',
    ]);
    expect(read('clusterCredentialExpiresSoon')).toEqual(['p 1']);
    expect(read('clusterConnections')).toEqual(['p 4']);
    expect(read('clusterTokenExpiry')).toEqual(['p 5']);
    expect(read('clusterTokenRenewals')).toEqual(['p success 7', 'p failure 1']);
    expect(read('pooledConnections')).toEqual(['idle 3', 'in_use 2', 'draining 1', 'connecting 0']);
  });

  it('leave out what nobody probes or builds go to otherwise: disabled providers and hosts', () => {
    const { board, read } = world();
    board.show([provider('p'), provider('off', { state: 'disabled' }), provider('host', { type: 'local' })]);
    expect(read('clusterUsable')).toEqual(['p 0']);
    expect(read('clusterHealth')).toHaveLength(4);
  });

  it('are bounded, however many providers there are', () => {
    const { board, read } = world();
    board.show(Array.from({ length: 1_500 }, (_unused, index) => provider(`p${index}`)));
    expect(read('clusterHealth')).toHaveLength(4_000);
  });
});
