import type { Condition } from '@image-factory/domain';
import type { DraftCondition } from './probe-conditions.js';
import type { ClusterDetail } from './probe-detail.js';

const DETAIL_TYPES: readonly string[] = ['PermissionsGranted', 'AdmissionAnswers', 'DiskAvailable'];

/** Something that only the slow questions tell is amiss: they are asked with every probe until it is not. */
export function isDetailAmiss(conditions: readonly Pick<Condition, 'type' | 'status'>[]): boolean {
  return conditions.some(({ type, status }) => status === 'False' && DETAIL_TYPES.includes(type));
}

/** The Conditions of the slow questions. */
export function detailConditions(detail: ClusterDetail): readonly DraftCondition[] {
  return [permissionsGranted(detail), admissionAnswers(detail), diskAvailable(detail)];
}

function permissionsGranted({ missingAccess }: ClusterDetail): DraftCondition {
  const type = 'PermissionsGranted';
  if ('reason' in missingAccess) return { type, status: 'Unknown', ...missingAccess };
  if (missingAccess.length === 0) {
    const message = 'Every permission that builds need is granted.';
    return { type, status: 'True', reason: 'AccessGranted', message };
  }
  const message = `The identity lacks: ${missingAccess.join(', ')}. Grant it the RBAC rules of deploy/.`;
  return { type, status: 'False', reason: 'PermissionsMissing', message };
}

function admissionAnswers({ admission }: ClusterDetail): DraftCondition {
  const type = 'AdmissionAnswers';
  if (admission === 'answers')
    return { type, status: 'True', reason: 'AdmissionAnswered', message: 'Admission webhooks answer to new runs.' };
  if (admission.reason !== 'AdmissionTimeout') return { type, status: 'Unknown', ...admission };
  const message =
    'An admission webhook does not answer, so that no run can be created; look at tekton-pipelines-webhook.';
  return { type, status: 'False', reason: 'AdmissionTimeout', message };
}

/** A few nodes out of room are those that the scheduler avoids; from half of them on, builds are evicted. */
function diskAvailable({ disks }: ClusterDetail): DraftCondition {
  const type = 'DiskAvailable';
  if ('reason' in disks) return { type, status: 'Unknown', ...disks };
  const { nodes, underPressure } = disks;
  const message = `${underPressure} of ${nodes} nodes are under disk pressure.`;
  if (underPressure === 0) return { type, status: 'True', reason: 'NoDiskPressure', message };
  return underPressure * 2 >= nodes
    ? { type, status: 'False', reason: 'DiskPressure', message: `${message} Give them room, or remove images there.` }
    : { type, status: 'True', reason: 'SomeDiskPressure', message };
}
