import { describe, expect, it } from 'vitest';
import { REGISTRY_HOLD_DEFAULTS, registryHoldMs, registryOf } from './registry-hold.js';

describe('a hold on a registry', () => {
  it('doubles while one follows another, and is bounded', () => {
    expect([0, 1, 2, 3, 4, 99].map((level) => registryHoldMs(REGISTRY_HOLD_DEFAULTS, level) / 1000)).toEqual([
      60, 120, 240, 480, 600, 600,
    ]);
  });

  it('is by host and port', () => {
    expect(registryOf('registry.example:5000/team/app')).toBe('registry.example:5000');
  });
});
