import { describe, expect, it } from 'vitest';
import type { Condition, ConditionStatus } from './condition.js';
import type { ProviderHealth } from './provider.js';
import {
  clusterHealth,
  DEGRADING_CONDITIONS,
  explainingCondition,
  healthVerdict,
  worseHealth,
  type ProbeResult,
} from './provider-health.js';

const WHOLE: ProbeResult = { versionReachable: true, tektonListed: true, nodesListed: true, readyNodes: 3 };

const condition = (type: string, status: ConditionStatus): Condition => ({
  type,
  status,
  reason: 'R',
  message: '',
  lastTransitionTime: new Date(0),
});

describe('the verdict on a cluster', () => {
  it.each<[string, Partial<ProbeResult>, ProviderHealth]>([
    ['everything answers', {}, 'healthy'],
    ['one node is Ready', { readyNodes: 1 }, 'healthy'],
    ['the version is unreachable', { versionReachable: false }, 'unhealthy'],
    ['the version is unreachable, whatever else was seen', { versionReachable: false, readyNodes: 3 }, 'unhealthy'],
    ['the Tekton list fails', { tektonListed: false }, 'degraded'],
    ['Tekton was not asked', { tektonListed: undefined }, 'degraded'],
    ['the Tekton list fails and no node is Ready', { tektonListed: false, readyNodes: 0 }, 'degraded'],
    ['the nodes cannot be listed', { nodesListed: false, readyNodes: undefined }, 'degraded'],
    ['the nodes were not asked for', { nodesListed: undefined, readyNodes: undefined }, 'degraded'],
    ['no node is Ready', { readyNodes: 0 }, 'unhealthy'],
    ['there is no count of nodes', { readyNodes: undefined }, 'unhealthy'],
  ])('when %s', (_name, change, verdict) => {
    expect(healthVerdict({ ...WHOLE, ...change })).toBe(verdict);
  });

  it.each(DEGRADING_CONDITIONS)('is degraded while %s is False, and never better than the guide’s', (type) => {
    expect(clusterHealth(WHOLE, [condition(type, 'False')])).toBe('degraded');
    expect(clusterHealth(WHOLE, [condition(type, 'Unknown')])).toBe('healthy');
    expect(clusterHealth({ ...WHOLE, readyNodes: 0 }, [condition(type, 'False')])).toBe('unhealthy');
  });

  it('is not changed by what one dispatcher alone sees', () => {
    expect(clusterHealth(WHOLE, [condition('RequestsAccepted', 'False')])).toBe('healthy');
  });

  it('is the worse of two', () => {
    const order: ProviderHealth[] = ['healthy', 'degraded', 'unknown', 'unhealthy'];
    for (const [low, a] of order.entries()) {
      for (const [high, b] of order.entries()) expect(worseHealth(a, b)).toBe(low >= high ? a : b);
    }
  });
});

describe('what explains a verdict', () => {
  it('is what hides the rest: unreachable before Tekton before nodes before the others', () => {
    const all = ['DiskAvailable', 'Schedulable', 'TektonAvailable', 'Reachable'].map((type) =>
      condition(type, 'False'),
    );
    expect(explainingCondition(all)?.type).toBe('Reachable');
    expect(explainingCondition(all.slice(0, 3))?.type).toBe('TektonAvailable');
    expect(explainingCondition(all.slice(0, 2))?.type).toBe('Schedulable');
    expect(explainingCondition(all.slice(0, 1))?.type).toBe('DiskAvailable');
    expect(explainingCondition([condition('Schedulable', 'Unknown'), condition('WatchFresh', 'False')])?.type).toBe(
      'WatchFresh',
    );
    expect(explainingCondition([condition('Reachable', 'True')])).toBeUndefined();
  });
});
