import { describe, expect, it } from 'vitest';
import {
  buildResources,
  DEFAULT_CPU_MILLIS,
  DEFAULT_EPHEMERAL_STORAGE_BYTES,
  DEFAULT_MEMORY_BYTES,
  dominantShare,
  type ResourceFigures,
  workspaceSize,
} from './build-resources.js';

const GI = 2 ** 30;
const none: ResourceFigures = {
  cpuMillis: undefined,
  memoryBytes: undefined,
  ephemeralStorageBytes: undefined,
  workspaceBytes: undefined,
};

describe('the figures of a build', () => {
  it('are request and limit at once where the build asks', () => {
    const asked = { cpuMillis: 2000, memoryBytes: 4 * GI, ephemeralStorageBytes: 9 * GI, workspaceBytes: 3 * GI };
    const caps = { cpuMillis: 8000, memoryBytes: 8 * GI, ephemeralStorageBytes: 20 * GI, workspaceBytes: 5 * GI };
    expect(buildResources(asked, caps)).toEqual({
      cpuMillis: 2000,
      memoryBytes: 4 * GI,
      cpuLimitMillis: 2000,
      memoryLimitBytes: 4 * GI,
      ephemeralStorageBytes: 9 * GI,
      ephemeralStorageLimitBytes: 9 * GI,
      workspaceBytes: 3 * GI,
    });
  });

  it('are the default without a limit where nobody says anything', () => {
    expect(buildResources(none, none)).toEqual({
      cpuMillis: DEFAULT_CPU_MILLIS,
      memoryBytes: DEFAULT_MEMORY_BYTES,
      cpuLimitMillis: undefined,
      memoryLimitBytes: undefined,
      ephemeralStorageBytes: DEFAULT_EPHEMERAL_STORAGE_BYTES,
      ephemeralStorageLimitBytes: undefined,
      workspaceBytes: undefined,
    });
  });

  it('have the cap for a limit where the tenant has one, and request no more than it', () => {
    const caps = { cpuMillis: 500, memoryBytes: 8 * GI, ephemeralStorageBytes: 2 * GI, workspaceBytes: 5 * GI };
    expect(buildResources(none, caps)).toEqual({
      cpuMillis: 500,
      memoryBytes: DEFAULT_MEMORY_BYTES,
      cpuLimitMillis: 500,
      memoryLimitBytes: 8 * GI,
      ephemeralStorageBytes: 2 * GI,
      ephemeralStorageLimitBytes: 2 * GI,
      workspaceBytes: undefined,
    });
  });
});

describe('what a project has learned', () => {
  const learned = { memoryBytes: 4 * GI, ephemeralStorageBytes: 9 * GI, workspaceBytes: 3 * GI };
  const caps = { cpuMillis: undefined, memoryBytes: 3 * GI, ephemeralStorageBytes: 20 * GI, workspaceBytes: 2 * GI };

  it('is requested by a build that asks for nothing, and limits it in nothing but its workspace', () => {
    expect(buildResources(none, none, learned)).toMatchObject({
      ...{ memoryBytes: 4 * GI, memoryLimitBytes: undefined, workspaceBytes: 3 * GI },
      ...{ ephemeralStorageBytes: 9 * GI, ephemeralStorageLimitBytes: undefined },
    });
  });

  it('is within the caps, which stay the limits', () => {
    expect(buildResources(none, caps, learned)).toMatchObject({
      ...{ memoryBytes: 3 * GI, memoryLimitBytes: 3 * GI, workspaceBytes: 2 * GI },
      ...{ ephemeralStorageBytes: 9 * GI, ephemeralStorageLimitBytes: 20 * GI },
    });
  });

  it('says nothing of a build that asks, and never makes a request less than usual', () => {
    const asked = { ...none, memoryBytes: GI };
    expect(buildResources(asked, none, learned)).toMatchObject({ memoryBytes: GI, memoryLimitBytes: GI });
    expect(buildResources(none, none, { ...none, memoryBytes: GI }).memoryBytes).toBe(DEFAULT_MEMORY_BYTES);
  });
});

describe('the size of a workspace', () => {
  it.each([
    ['is its provider’s', '5Gi', undefined, '5Gi'],
    ['is usual where nobody says anything', undefined, undefined, '1Gi'],
    ['is what was asked for when that is more', '5Gi', 6 * GI, '6Gi'],
    ['is its provider’s when less was asked for', '5Gi', 4 * GI, '5Gi'],
    ['grows past the usual one', undefined, 2 * GI, '2Gi'],
  ])('%s', (_name, ofProvider, asked, expected) => {
    expect(workspaceSize(ofProvider, asked)).toBe(expected);
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
