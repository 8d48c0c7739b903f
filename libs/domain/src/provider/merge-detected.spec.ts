import { describe, expect, it } from 'vitest';
import type { DetectedCapabilities } from './detected.js';
import { mergeDetected } from './merge-detected.js';

const FIRST: DetectedCapabilities = {
  architectures: ['amd64', 'arm64'],
  operatingSystems: ['linux'],
  gpus: 1,
  gpuKinds: { 'nvidia.com/gpu': 1 },
  largestNode: { cpuMillis: 4_000, memoryBytes: 8 },
  tektonVersion: 'v1.9.0',
  kubernetesVersion: 'v1.34.2',
  undetected: { storage: { reason: 'ClusterForbidden', message: 'no' } },
  detectedAt: '2026-11-21T12:00:00.000Z',
  generation: 3,
};
const LATER = { generation: 3, detectedAt: '2026-11-21T12:10:00.000Z' };
const down = (reason: string) => ({ reason, message: 'no' });

describe('a look at what a cluster can do', () => {
  it('has the time at which each part was seen', () => {
    const at = FIRST.detectedAt;
    expect(mergeDetected(undefined, FIRST)).toEqual({
      ...FIRST,
      seenAt: { nodes: at, kubernetes: at, tekton: at, tektonFeatures: at },
    });
  });

  it.each(['ClusterUnreachable', 'ClusterUnavailable', 'ClusterThrottled', 'ClusterForbidden', 'Internal'])(
    'that fails with %s leaves what was seen before, with its age',
    (reason) => {
      const look = {
        ...LATER,
        kubernetesVersion: 'v1.35.0',
        undetected: { nodes: down(reason), tekton: down(reason) },
      };
      const merged = mergeDetected(mergeDetected(undefined, FIRST), look);
      expect(merged).toMatchObject({
        architectures: ['amd64', 'arm64'],
        largestNode: { cpuMillis: 4_000 },
        tektonVersion: 'v1.9.0',
        kubernetesVersion: 'v1.35.0',
        undetected: { nodes: { reason } },
        seenAt: { nodes: FIRST.detectedAt, tekton: FIRST.detectedAt, kubernetes: LATER.detectedAt },
      });
      // And again: the age is that of the look that saw it.
      expect(mergeDetected(merged, { ...look, detectedAt: '2026-11-21T12:20:00.000Z' }).seenAt).toMatchObject({
        nodes: FIRST.detectedAt,
      });
    },
  );

  it('takes a part as a whole, also what is not there any more', () => {
    const look = {
      ...LATER,
      architectures: ['amd64'],
      operatingSystems: ['linux'],
      gpus: 0,
      gpuKinds: {},
      undetected: {},
    };
    const merged = mergeDetected(mergeDetected(undefined, FIRST), look);
    expect(merged).not.toHaveProperty('largestNode');
    expect(merged).not.toHaveProperty('tektonVersion');
  });

  it.each(['ObjectNotFound', 'TektonNotInstalled'])('that says %s is believed', (reason) => {
    const merged = mergeDetected(mergeDetected(undefined, FIRST), { ...LATER, undetected: { tekton: down(reason) } });
    expect(merged).not.toHaveProperty('tektonVersion');
    expect(merged.seenAt).not.toHaveProperty('tekton');
  });

  it('keeps nothing of another generation: it may be another cluster', () => {
    const look = { ...LATER, generation: 4, undetected: { nodes: down('ClusterUnreachable') } };
    expect(mergeDetected(mergeDetected(undefined, FIRST), look)).not.toHaveProperty('architectures');
  });
});
