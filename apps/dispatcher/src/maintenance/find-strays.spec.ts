import type { RunOwner } from '@image-factory/persistence';
import { describe, expect, it } from 'vitest';
import { standingOf } from './find-strays.js';

const FOUND = { clusterUid: 'here', namespace: 'tenant' };
const PLACED: RunOwner = {
  executionId: 'e',
  hasBuild: true,
  state: 'running',
  clusterUid: 'here',
  namespace: 'tenant',
  swept: false,
};
const UNPLACED: RunOwner = { ...PLACED, state: 'placing', clusterUid: undefined, namespace: undefined };

describe('an object of ours on a cluster', () => {
  it.each<[string, RunOwner | undefined, string]>([
    ['whose attempt runs there', PLACED, 'expected'],
    ['whose attempt is being created there', { ...PLACED, state: 'creating' }, 'expected'],
    ['whose attempt is over and not swept', { ...PLACED, state: 'succeeded' }, 'expected'],
    ['whose attempt is swept', { ...PLACED, state: 'succeeded', swept: true }, 'late'],
    ['whose attempt is not placed', UNPLACED, 'strays'],
    ['whose attempt was given back', { ...UNPLACED, state: 'released' }, 'strays'],
    ['whose attempt was placed on another cluster', { ...PLACED, clusterUid: 'there' }, 'strays'],
    ['whose attempt was placed in another namespace', { ...PLACED, namespace: 'tenant-2' }, 'strays'],
    ['whose attempt is not known, but its build is', { ...UNPLACED, state: undefined }, 'strays'],
    ['of nothing that is known', { ...UNPLACED, hasBuild: false, state: undefined }, 'unknown'],
    ['without whose it is', undefined, 'unknown'],
  ])('%s', (_title, owner, standing) => {
    expect(standingOf(FOUND, owner)).toBe(standing);
  });
});
