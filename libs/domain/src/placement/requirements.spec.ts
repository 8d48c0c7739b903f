import { describe, expect, it } from 'vitest';
import { NO_REQUIREMENTS, requirementsOf } from './requirements.js';

describe('requirementsOf', () => {
  it('reads every word of a submission', () => {
    const asked = { capabilities: ['arm64'], labels: { environment: 'production' }, region: 'eu' };
    const wire = { ...asked, architecture: 'arm64', os: 'linux', gpu: true, preferred_region: 'us', cpu: '2' };
    expect(requirementsOf(wire)).toEqual({
      ...asked,
      architecture: 'arm64',
      os: 'linux',
      gpu: true,
      preferredRegion: 'us',
    });
  });

  it.each([
    [undefined],
    [null],
    ['arm64'],
    [{}],
    [{ capabilities: 'arm64', labels: [], gpu: false, os: 'plan9', architecture: 5, region: null }],
    [{ capabilities: [5], labels: { a: 1 } }],
  ])('asks for nothing where %j is stored', (wire) => {
    expect(requirementsOf(wire)).toEqual(NO_REQUIREMENTS);
  });
});
