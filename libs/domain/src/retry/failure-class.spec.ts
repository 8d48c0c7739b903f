import { describe, expect, it } from 'vitest';
import { REASONS } from '../errors/reasons.js';
import { FAILURE_CLASSES, failureClassOf, REASON_CLASSES } from './failure-class.js';

describe('the class of a failure', () => {
  it('is in the table for every reason, and for nothing else', () => {
    expect(Object.keys(REASON_CLASSES).sort()).toEqual([...REASONS].sort());
    expect(new Set(Object.values(REASON_CLASSES))).toEqual(new Set(FAILURE_CLASSES));
  });

  it.each([
    ['StepFailed', 'user'],
    ['RunTimeout', 'user'],
    ['CloneFailed', 'user'],
    ['GitRevisionNotFound', 'user'],
    ['RegistryUnauthorized', 'user'],
    ['StepOutOfMemory', 'resource'],
    ['EphemeralStorageExceeded', 'resource'],
    ['WorkspaceFull', 'resource'],
    ['BaseImageUnavailable', 'registry'],
    ['GitUnavailable', 'registry'],
    ['PodEvicted', 'disruption'],
    ['NodeUnreachable', 'disruption'],
    ['ClusterLost', 'disruption'],
    ['Drain', 'disruption'],
    ['RegistryUnavailable', 'registry'],
    ['AdmissionTimeout', 'cluster'],
    ['ClusterThrottled', 'cluster'],
    ['StartTimeout', 'cluster'],
    ['TaskMissing', 'platform'],
    ['PushFailed', 'unknown'],
    ['UnknownFailure', 'unknown'],
  ] as const)('of %s is %s', (reason, expected) => {
    expect(failureClassOf(reason, 'cluster')).toBe(expected);
  });

  it.each(REASONS.map((reason) => [reason]))(
    'of %s is the user’s when it is the user’s fault, or asks for more',
    (reason) => {
      const found = failureClassOf(reason, 'user');
      expect(found === 'user' || (found === 'resource' && REASON_CLASSES[reason] === 'resource')).toBe(true);
    },
  );
});
