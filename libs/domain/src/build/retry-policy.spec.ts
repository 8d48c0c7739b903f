import { describe, expect, it } from 'vitest';
import { MAX_ATTEMPTS, retryDelayMs, shouldRetry } from './retry-policy.js';

describe('shouldRetry', () => {
  it.each([
    ['a cluster that refused the create', 'create', 'cluster', 1, 'kaniko', true],
    ['a platform trouble before the create', 'create', 'platform', 2, 'packer', true],
    ['a user error at create', 'create', 'user', 1, 'kaniko', false],
    ['the last attempt', 'create', 'cluster', MAX_ATTEMPTS, 'kaniko', false],
    ['a failed step', 'run', 'user', 1, 'kaniko', false],
    ['an eviction of a run', 'run', 'cluster', 1, 'kaniko', false],
    ['a drained attempt', 'moved', 'cluster', 1, 'packer', true],
    ['a lost image build', 'lost', 'cluster', 1, 'buildx', true],
    ['a lost packer build, whose effects no tag fences', 'lost', 'cluster', 1, 'packer', false],
  ] as const)('for %s (%s, %s, attempt %i, %s) is %s', (_, stage, fault, attempt, buildMethod, expected) => {
    expect(shouldRetry({ stage, fault, attempt, buildMethod })).toBe(expected);
  });
});

describe('retryDelayMs', () => {
  it('doubles inside its jitter and is capped', () => {
    expect(retryDelayMs(1, 0)).toBe(2_500);
    expect(retryDelayMs(1, 0.999)).toBeLessThanOrEqual(5_000);
    expect(retryDelayMs(3, 0)).toBe(10_000);
    expect(retryDelayMs(40, 0.999)).toBeLessThanOrEqual(300_000);
  });
});
