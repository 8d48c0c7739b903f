import { describe, expect, it } from 'vitest';
import { buildResources, DEFAULT_CPU_MILLIS, DEFAULT_MEMORY_BYTES, dominantShare } from './build-resources.js';

const GI = 2 ** 30;
const none = { cpuMillis: undefined, memoryBytes: undefined };

describe('the figures of a build', () => {
  it('are request and limit at once where the build asks', () => {
    expect(buildResources({ cpuMillis: 2000, memoryBytes: 4 * GI }, { cpuMillis: 8000, memoryBytes: 8 * GI })).toEqual({
      cpuMillis: 2000,
      memoryBytes: 4 * GI,
      cpuLimitMillis: 2000,
      memoryLimitBytes: 4 * GI,
    });
  });

  it('are the default without a limit where nobody says anything', () => {
    expect(buildResources(none, none)).toEqual({
      cpuMillis: DEFAULT_CPU_MILLIS,
      memoryBytes: DEFAULT_MEMORY_BYTES,
      cpuLimitMillis: undefined,
      memoryLimitBytes: undefined,
    });
  });

  it('have the cap for a limit where the tenant has one, and request no more than it', () => {
    expect(buildResources(none, { cpuMillis: 500, memoryBytes: 8 * GI })).toEqual({
      cpuMillis: 500,
      memoryBytes: DEFAULT_MEMORY_BYTES,
      cpuLimitMillis: 500,
      memoryLimitBytes: 8 * GI,
    });
  });
});

describe('the dominant share', () => {
  it.each([
    ['a usual build', 1000, 2 * GI, 1],
    ['much CPU', 4000, 2 * GI, 4],
    ['much memory', 1000, 16 * GI, 8],
    ['nothing', 0, 0, 0],
  ])('of %s', (_name, cpu, memory, share) => {
    expect(dominantShare(cpu, memory)).toBe(share);
  });
});
