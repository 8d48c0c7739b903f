import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BUILD_METHODS } from '../build/build-method.js';
import { REASONS } from '../errors/reasons.js';
import { decideRetry, exhaustionOf, mayBeRepeated, type EndedAttempt } from './decide-retry.js';
import { FAILURE_CLASSES, failureClassOf } from './failure-class.js';
import { RETRY_DEFAULTS, retryDelayMs, withClassAttempts } from './retry-policy.js';

const ended: EndedAttempt = {
  end: 'failed',
  reason: 'PodEvicted',
  fault: 'cluster',
  attempt: 1,
  buildMethod: 'kaniko',
  provedOver: true,
  ownRetriesUsed: false,
  canEscalate: false,
  placeRanOut: false,
};
const history = (before: number, elapsedMs = 0, movedBefore = 0) => ({
  sameClassBefore: () => before,
  elapsedMs,
  movedBefore,
});
const decide = (over: Partial<EndedAttempt>, before = 0, elapsedMs = 0) =>
  decideRetry({ ...ended, ...over }, history(before, elapsedMs), RETRY_DEFAULTS, 0.5);

const anyEnd: fc.Arbitrary<EndedAttempt> = fc.record({
  end: fc.constantFrom('failed', 'cancelled', 'moved', 'lost'),
  reason: fc.constantFrom(...REASONS),
  fault: fc.constantFrom('user', 'cluster', 'platform'),
  attempt: fc.integer({ min: 1, max: 12 }),
  buildMethod: fc.constantFrom(...BUILD_METHODS),
  provedOver: fc.boolean(),
  ownRetriesUsed: fc.boolean(),
  canEscalate: fc.boolean(),
  placeRanOut: fc.boolean(),
});

describe('the next attempt', () => {
  it.each([
    ['a disruption', {}, 0, 0, 'retry', 'CauseMayPass'],
    ['a user’s error', { reason: 'StepFailed', fault: 'user' }, 0, 0, 'stop', 'UserError'],
    [
      'a cause of the cluster that is the user’s',
      { reason: 'AdmissionDenied', fault: 'user' },
      0,
      0,
      'stop',
      'UserError',
    ],
    [
      'a lack of memory with more of it',
      { reason: 'StepOutOfMemory', fault: 'user', canEscalate: true },
      0,
      0,
      'retry',
      'CauseMayPass',
    ],
    ['a lack of memory at the cap', { reason: 'StepOutOfMemory', fault: 'user' }, 0, 0, 'stop', 'NothingMoreToGive'],
    ['the fifth disruption', { attempt: 5 }, 4, 0, 'stop', 'ClassAttemptsUsed'],
    ['the eighth attempt', { attempt: 8 }, 1, 0, 'stop', 'AttemptsUsed'],
    ['a disruption after six hours', {}, 0, 6 * 3_600_000, 'stop', 'TimeUsed'],
    [
      'a publication that was given up',
      { reason: 'PublishFailed', ownRetriesUsed: true },
      0,
      0,
      'stop',
      'OwnRetriesUsed',
    ],
    ['a lost image build', { end: 'lost', reason: 'ClusterLost', provedOver: false }, 0, 0, 'retry', 'CauseMayPass'],
    [
      'a lost packer build',
      { end: 'lost', reason: 'ClusterLost', provedOver: false, buildMethod: 'packer' },
      0,
      0,
      'stop',
      'LossUnproved',
    ],
    [
      'a drain, whatever was used up before',
      { reason: 'Drain', end: 'moved', attempt: 8 },
      9,
      7 * 3_600_000,
      'retry',
      'CauseMayPass',
    ],
    [
      'a drain of a packer build out of sight',
      { reason: 'Drain', end: 'moved', provedOver: false, buildMethod: 'packer' },
      0,
      0,
      'stop',
      'LossUnproved',
    ],
    ['an evicted packer build', { buildMethod: 'packer' }, 0, 0, 'retry', 'CauseMayPass'],
  ] as const)('after %s', (_, over, before, elapsedMs, decision, reason) => {
    expect(decide(over, before, elapsedMs)).toMatchObject({ decision, reason });
  });

  it('is never made for a user’s error, past a cap, or where nothing fences a loss', () => {
    const property = fc.property(
      anyEnd,
      fc.nat(8),
      fc.nat(30_000_000),
      fc.double({ min: 0, max: 0.9999, noNaN: true }),
      (end, before, elapsedMs, random) => {
        const found = decideRetry(end, history(before, elapsedMs), RETRY_DEFAULTS, random);
        if (found.decision === 'stop') return true;
        const failureClass = failureClassOf(end.reason, end.fault);
        expect(failureClass).not.toBe('user');
        expect(end.provedOver || end.buildMethod !== 'packer').toBe(true);
        expect(mayBeRepeated(end, RETRY_DEFAULTS)).toBe(true);
        if (end.reason === 'Drain') return true;
        expect(end.attempt).toBeLessThan(RETRY_DEFAULTS.maxAttempts);
        expect(before + 1).toBeLessThan(RETRY_DEFAULTS.policies[failureClass].attempts);
        expect(elapsedMs + found.delayMs).toBeLessThanOrEqual(RETRY_DEFAULTS.maxTotalMs);
        return true;
      },
    );
    fc.assert(property, { numRuns: 2_000 });
  });

  it('counts no attempt that a drain moved', () => {
    const eighth = { ...ended, attempt: 8 };
    expect(decideRetry(eighth, history(0, 0, 7), RETRY_DEFAULTS, 0)).toMatchObject({ decision: 'retry' });
    expect(decideRetry(eighth, history(0, 0, 0), RETRY_DEFAULTS, 0)).toMatchObject({ reason: 'AttemptsUsed' });
  });

  it('goes elsewhere after a place ran out, and stays after a limit of ours was reached', () => {
    const outOfMemory = { reason: 'StepOutOfMemory', fault: 'user', canEscalate: true } as const;
    expect(decide({ ...outOfMemory, placeRanOut: true })).toMatchObject({ elsewhere: true });
    expect(decide(outOfMemory)).toMatchObject({ elsewhere: false });
  });

  it('goes elsewhere after a disruption and a cluster’s trouble, and stays after a registry’s', () => {
    expect(decide({})).toMatchObject({ elsewhere: true });
    expect(decide({ reason: 'AdmissionTimeout' })).toMatchObject({ elsewhere: true });
    expect(decide({ reason: 'RegistryUnavailable' })).toMatchObject({ elsewhere: false });
  });

  it('gives the build the reason of what ran out, from the second attempt on', () => {
    expect(exhaustionOf(decide({ attempt: 8 }), 8)).toBe('AttemptsExhausted');
    expect(exhaustionOf(decide({ attempt: 2 }, 0, 7 * 3_600_000), 2)).toBe('RetryTimeExhausted');
    expect(exhaustionOf(decide({ reason: 'StepFailed', attempt: 2 }), 2)).toBeUndefined();
    expect(exhaustionOf(decide({}, 9), 1)).toBeUndefined();
  });
});

describe('the wait before it', () => {
  it.each(FAILURE_CLASSES)('is anything from zero to a ceiling that doubles and is capped: %s', (name) => {
    const policy = RETRY_DEFAULTS.policies[name];
    for (let n = 1; n <= 50; n += 1) {
      const ceiling = Math.min(policy.backOff.capMs, policy.backOff.baseMs * 2 ** (n - 1));
      expect(retryDelayMs(policy, n, 0)).toBe(0);
      expect(retryDelayMs(policy, n, 0.5)).toBe(Math.floor(ceiling / 2));
      expect(retryDelayMs(policy, n, 0.999_999)).toBeLessThanOrEqual(ceiling);
    }
  });
});

describe('configured attempts', () => {
  it('replace those of their classes and leave the user’s at one', () => {
    const limits = withClassAttempts(RETRY_DEFAULTS, { registry: 2 });
    expect(limits.policies.registry).toEqual({ ...RETRY_DEFAULTS.policies.registry, attempts: 2 });
    expect(limits.policies.cluster).toEqual(RETRY_DEFAULTS.policies.cluster);
    expect(limits.policies.user.attempts).toBe(1);
  });
});
