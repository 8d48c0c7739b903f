import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Secret } from './secret.js';
import { healthVerdict } from '../provider/provider-health.js';
import { setCondition } from '../provider/condition.js';

describe('Secret', () => {
  const secret = new Secret('canary-1');
  it('prints nothing, however it is printed', () => {
    const printed = [
      String(secret),
      `${secret}`,
      JSON.stringify({ secret }),
      inspect({ secret }, { showHidden: true }),
    ];
    for (const text of printed) expect(text).not.toContain('canary');
  });
  it('reveals its value on request', () => {
    expect(secret.reveal()).toBe('canary-1');
  });
});

describe('healthVerdict', () => {
  it.each([
    ['unhealthy', false, undefined, undefined, undefined],
    ['degraded', true, false, undefined, undefined],
    ['degraded', true, true, false, undefined],
    ['unhealthy', true, true, true, 0],
    ['healthy', true, true, true, 1],
  ] as const)('is %s', (verdict, versionReachable, tektonListed, nodesListed, readyNodes) => {
    expect(healthVerdict({ versionReachable, tektonListed, nodesListed, readyNodes })).toBe(verdict);
  });
});

describe('setCondition', () => {
  it('keeps the transition time while the status is unchanged', () => {
    const first = {
      type: 'Reachable',
      status: 'True',
      reason: 'A',
      message: '',
      lastTransitionTime: new Date(1),
    } as const;
    const again = { ...first, reason: 'B', lastTransitionTime: new Date(2) };
    expect(setCondition([first], again)[0]).toMatchObject({ reason: 'B', lastTransitionTime: new Date(1) });
    const changed = { ...again, status: 'False' } as const;
    expect(setCondition([first], changed)[0]?.lastTransitionTime).toEqual(new Date(2));
  });
});
