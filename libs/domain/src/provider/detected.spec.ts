import { describe, expect, it } from 'vitest';
import { capabilitiesWithOrigin, type DetectedCapabilities, detectedWords, labelsWithOrigin } from './detected.js';

const DETECTED: DetectedCapabilities = {
  architectures: ['amd64', 'arm64'],
  operatingSystems: ['linux'],
  gpus: 2,
  kubernetesVersion: 'v1.34.2',
  undetected: {},
  detectedAt: '2026-11-21T12:00:00.000Z',
  generation: 1,
};

describe('what a provider can do', () => {
  it('is said with everybody who says so', () => {
    const provider = { capabilities: ['ssd', 'amd64'], labels: {}, detected: DETECTED };
    expect(capabilitiesWithOrigin(provider)).toEqual([
      { name: 'amd64', origins: ['declared', 'detected'] },
      { name: 'arm64', origins: ['detected'] },
      { name: 'gpu', origins: ['detected'] },
      { name: 'linux', origins: ['detected'] },
      { name: 'ssd', origins: ['declared'] },
    ]);
  });

  it('is what is declared while nothing was detected', () => {
    expect(capabilitiesWithOrigin({ capabilities: ['gpu'], labels: {}, detected: undefined })).toEqual([
      { name: 'gpu', origins: ['declared'] },
    ]);
    expect(detectedWords({ undetected: {}, detectedAt: '', gpus: 0, generation: 1 })).toEqual([]);
  });

  it('keeps a declared label over a detected one of its name', () => {
    const name = 'image-factory.io/kubernetes-version';
    expect(labelsWithOrigin({ capabilities: [], labels: { zone: 'a' }, detected: DETECTED })).toEqual([
      { name, value: 'v1.34.2', origin: 'detected' },
      { name: 'zone', value: 'a', origin: 'declared' },
    ]);
    expect(labelsWithOrigin({ capabilities: [], labels: { [name]: 'own' }, detected: DETECTED })).toEqual([
      { name, value: 'own', origin: 'declared' },
    ]);
  });
});
