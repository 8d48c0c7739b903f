import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attemptSecretName, attemptTag, pipelineRunName } from './attempt-names.js';
import { tenantNamespaceCandidates } from '../tenant/tenant-namespace.js';

const DNS_LABEL = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const identity = fc.record({ installationId: fc.uuid(), buildId: fc.uuid(), attempt: fc.integer({ min: 1, max: 99 }) });

describe('names of an attempt', () => {
  it('are DNS-1123 labels short enough for the names that Tekton derives', () => {
    fc.assert(
      fc.property(identity, (of) => {
        expect(pipelineRunName(of)).toMatch(DNS_LABEL);
        expect(`${pipelineRunName(of)}-clone-pod`.length).toBeLessThanOrEqual(63);
        expect(attemptSecretName(of).length).toBeLessThanOrEqual(63);
        expect(attemptTag(of)).toMatch(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/);
      }),
    );
  });

  it('are a pure function, and differ by installation, build and attempt', () => {
    const of = { installationId: 'i', buildId: 'b', attempt: 1 };
    expect(pipelineRunName(of)).toBe(pipelineRunName({ ...of }));
    const others = [
      { ...of, installationId: 'j' },
      { ...of, buildId: 'c' },
      { ...of, attempt: 2 },
    ];
    expect(new Set([of, ...others].map(pipelineRunName)).size).toBe(4);
  });
});

describe('tenant namespace candidates', () => {
  it('begin with the contract’s eight digits and grow on collision', () => {
    const names = [...tenantNamespaceCandidates('0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d', 5)];
    expect(names).toEqual([
      'image-factory-0a1b2c3d',
      'image-factory-0a1b2c3d4e5f',
      'image-factory-0a1b2c3d4e5f4a6b8c7d9e0f1a2b3c4d',
      'image-factory-0a1b2c3d4e5f4a6b8c7d9e0f1a2b3c4d-2',
      'image-factory-0a1b2c3d4e5f4a6b8c7d9e0f1a2b3c4d-3',
    ]);
    for (const name of names) expect(name.length).toBeLessThanOrEqual(63);
  });
});
