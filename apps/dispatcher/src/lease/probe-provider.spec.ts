import { ClusterPressure, pressureOptions } from '@image-factory/cluster-connectors';
import { Clock, DomainError, type Reason } from '@image-factory/domain';
import { describe, expect, it } from 'vitest';
import { probeProvider, type ProbeAnswer } from './probe-provider.js';

/** Time stands: who waits goes on waiting. */
class StandingClock extends Clock {
  override now(): Date {
    return new Date(0);
  }
  override monotonicMs(): number {
    return 0;
  }
  override sleep(): Promise<void> {
    return new Promise(() => undefined);
  }
}

function probe(request: (asked: { timeoutMs: number }) => Promise<unknown>, type = 'kubernetes'): Promise<ProbeAnswer> {
  const connections = { withConnection: async (_: string, use: (one: unknown) => unknown) => use({ request }) };
  return probeProvider({ find: async () => ({ type }) } as never, connections as never, 'p');
}

function failing(reason: Reason, outcome: string): () => Promise<never> {
  return async () => {
    throw new DomainError({ kind: 'Unavailable', reason, message: '', details: { outcome } });
  };
}

describe('a probe of a provider', () => {
  it.each([
    ['ClusterUnreachable', 'notSent', 'failed'],
    ['ClusterUnavailable', 'unknown', 'failed'],
    ['CredentialUnreadable', 'notSent', 'failed'],
    ['ClusterThrottled', 'refused', 'reached'],
    ['ClusterForbidden', 'refused', 'reached'],
    ['ClusterThrottled', 'notSent', 'notAsked'],
    ['DatabaseUnavailable', 'notSent', 'notAsked'],
  ] as const)('that ends with %s (%s) has %s', async (reason, outcome, answer) => {
    expect(await probe(failing(reason, outcome))).toBe(answer);
  });

  it('that meets a fault of our own says nothing', async () => {
    expect(await probe(() => Promise.reject(new TypeError('x')))).toBe('notAsked');
  });

  it('of this host is always answered', async () => {
    expect(await probe(failing('ClusterUnreachable', 'notSent'), 'local')).toBe('reached');
  });

  it('has failed for none of many that meet a healthy cluster at its lowest rate', async () => {
    const pressure = new ClusterPressure(
      pressureOptions({ floorPerSecond: 5, ceilingPerSecond: 5 }),
      new StandingClock(),
    );
    const signal = new AbortController().signal;
    const turn = { requestClass: 'probe', stream: false, signal, isStopped: () => false } as const;
    const probes = Array.from({ length: 128 }, () => probe(() => pressure.run(turn, async () => 'v1.34')));
    await new Promise(setImmediate);
    pressure.close();
    const answers = await Promise.all(probes);
    expect(new Set(answers)).toEqual(new Set(['reached', 'notAsked']));
    expect(answers.filter((answer) => answer === 'notAsked').length).toBeGreaterThan(100);
  });
});
