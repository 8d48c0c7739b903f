import type { Provider } from '@image-factory/domain';
import { describe, expect, it } from 'vitest';
import { detailConditions } from './detail-conditions.js';
import { unreached, type ClusterProbe } from './probe-cluster.js';
import { PROBE_JUDGES } from './probe-conditions.js';
import type { ClusterDetail } from './probe-detail.js';

const NOW = new Date('2026-01-01T00:00:00Z');
const DAY_MS = 86_400_000;

const WHOLE: ClusterProbe = {
  ...unreached({}),
  versionReachable: true,
  tektonListed: true,
  nodesListed: true,
  readyNodes: 3,
  nodes: 3,
  schedulableNodes: 3,
  kubernetesVersion: 'v1.36.3',
  latencyMs: { version: 5 },
};

/** `True Reason` of one Condition. */
function judged(type: string, change: Partial<ClusterProbe>): string {
  const provider = { settings: {}, sweepBehind: false, unswept: 0 } as unknown as Provider;
  const drafts = PROBE_JUDGES.map((judge) =>
    judge({ provider, probe: { ...WHOLE, ...change }, now: NOW, warnBeforeMs: 7 * DAY_MS }),
  );
  const found = drafts.find((one) => one.type === type) ?? expect.unreachable(type);
  return `${found.status} ${found.reason}`;
}

const ending = (inMs: number, replaced = false): Partial<ClusterProbe> => ({
  credentialExpiry: { expiresAt: new Date(NOW.getTime() + inMs), replaced },
});

describe('a Condition', () => {
  it.each<[string, string, Partial<ClusterProbe>]>([
    ['ApiResponsive', 'True ApiFast', { latencyMs: { version: 2_000 } }],
    ['ApiResponsive', 'False ApiSlow', { latencyMs: { version: 2_001 } }],
    ['ApiResponsive', 'Unknown NotReached', { latencyMs: {} }],
    ['CredentialValid', 'True CredentialAccepted', {}],
    ['CredentialValid', 'True CredentialAccepted', ending(7 * DAY_MS)],
    ['CredentialValid', 'True CredentialExpiresSoon', ending(7 * DAY_MS - 1)],
    ['CredentialValid', 'True CredentialReplaced', ending(60_000, true)],
    ['CredentialValid', 'False CredentialExpired', ending(0)],
    ['CredentialValid', 'False CredentialExpired', ending(-1, true)],
    [
      'CredentialValid',
      'False CredentialRefused',
      { failures: { tekton: { reason: 'ClusterUnauthorized', message: '' } } },
    ],
    ['CredentialValid', 'Unknown NotReached', { versionReachable: false }],
    ['VersionSupported', 'False KubernetesTooOld', { versionTooOld: true }],
    ['VersionSupported', 'True KubernetesSupported', {}],
    ['FinishedRunsSwept', 'True SweepKeepsUp', {}],
    ['RequestsAccepted', 'Unknown NotConnected', {}],
    ['TektonAvailable', 'Unknown NotReached', { versionReachable: false }],
    ['Schedulable', 'Unknown NotReached', { versionReachable: false }],
  ])('%s is %s', (type, expected, change) => {
    expect(judged(type, change)).toBe(expected);
  });
});

describe('a Condition of the slow questions', () => {
  const failure = { reason: 'ClusterForbidden', message: 'no' } as const;
  const detail: ClusterDetail = { missingAccess: [], admission: 'answers', disks: { nodes: 4, underPressure: 0 } };

  it.each<[string, Partial<ClusterDetail>]>([
    ['PermissionsGranted True AccessGranted', {}],
    ['PermissionsGranted False PermissionsMissing', { missingAccess: ['create secrets'] }],
    ['PermissionsGranted Unknown ClusterForbidden', { missingAccess: failure }],
    ['AdmissionAnswers True AdmissionAnswered', {}],
    ['AdmissionAnswers False AdmissionTimeout', { admission: { reason: 'AdmissionTimeout', message: '' } }],
    ['AdmissionAnswers Unknown ClusterForbidden', { admission: failure }],
    ['DiskAvailable True NoDiskPressure', {}],
    ['DiskAvailable True SomeDiskPressure', { disks: { nodes: 4, underPressure: 1 } }],
    ['DiskAvailable False DiskPressure', { disks: { nodes: 4, underPressure: 2 } }],
    ['DiskAvailable Unknown ClusterForbidden', { disks: failure }],
  ])('is %s', (expected, change) => {
    const lines = detailConditions({ ...detail, ...change }).map((one) => `${one.type} ${one.status} ${one.reason}`);
    expect(lines).toContain(expected);
  });
});
