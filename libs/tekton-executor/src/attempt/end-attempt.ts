import { attemptSecretName, isDomainError } from '@image-factory/domain';
import type { Attempt, MayWrite, Reason } from '@image-factory/domain';
import { outcomeOf, PATCH_TYPES } from '@image-factory/cluster-connectors';
import type { ClusterConnection, RequestClass } from '@image-factory/cluster-connectors';
import type { PipelineRunObject } from '../follow/kube-objects.js';
import type { PodView } from '../follow/run-views.js';
import { isOfAttempt } from './create-attempt.js';
import { KUBE_PATHS } from './kube-paths.js';

/** A delete: of what must go before an attempt may end, or of what is left of one. */
export interface EndingWrite {
  readonly requestClass: 'stop' | 'sweep';
  readonly mayWrite: MayWrite;
}

/** Reads the attempt's run; undefined when there is none, or when what has its name is not the attempt's. */
export async function findRun(
  connection: ClusterConnection,
  attempt: Attempt,
  requestClass: RequestClass,
): Promise<PipelineRunObject | undefined> {
  const path = KUBE_PATHS.pipelineRun(attempt.place.namespace, attempt.name);
  const body = await unlessReason(
    ['ObjectNotFound'],
    async () => (await connection.request<PipelineRunObject>({ requestClass, method: 'GET', path })).body,
  );
  return body !== undefined && isOfAttempt(body.metadata, attempt) ? body : undefined;
}

/**
 * Asks Tekton to cancel the run. A run that is gone or has ended is left alone: the webhook refuses every change then
 * ("Once the PipelineRun is complete, no updates are allowed").
 * @returns `gone` when there is no run of that name
 */
export async function stopRun(
  connection: ClusterConnection,
  attempt: Attempt,
  mayWrite: MayWrite,
): Promise<'told' | 'gone'> {
  if (!mayWrite()) return 'told';
  try {
    await connection.request({
      requestClass: 'stop',
      method: 'PATCH',
      path: KUBE_PATHS.pipelineRun(attempt.place.namespace, attempt.name),
      contentType: PATCH_TYPES.merge,
      body: { ...(attempt.uid === undefined ? {} : { metadata: { uid: attempt.uid } }), spec: { status: 'Cancelled' } },
      mayWrite,
    });
  } catch (error) {
    if (isDomainError(error) && error.reason === 'ObjectNotFound') return 'gone';
    const refused =
      isDomainError(error) &&
      (error.reason === 'ObjectConflict' || (!error.retryable && outcomeOf(error) === 'refused'));
    if (!refused || !(await needsNoStop(connection, attempt))) throw error;
  }
  return 'told';
}

async function needsNoStop(connection: ClusterConnection, attempt: Attempt): Promise<boolean> {
  const run = await findRun(connection, attempt, 'stop');
  if (run === undefined || (attempt.uid !== undefined && run.metadata.uid !== attempt.uid)) return true;
  const verdict = run.status?.conditions?.find(({ type }) => type === 'Succeeded')?.status;
  return run.spec?.status === 'Cancelled' || (verdict !== undefined && verdict !== 'Unknown');
}

/** Deletes the attempt's Secret. One write. */
export async function removeSecret(connection: ClusterConnection, attempt: Attempt, write: EndingWrite): Promise<void> {
  if (!write.mayWrite()) return;
  const path = KUBE_PATHS.secret(attempt.place.namespace, attemptSecretName(attempt));
  await unlessReason(['ObjectNotFound'], () => connection.request({ ...write, method: 'DELETE', path }));
}

/**
 * Deletes the run, never another one of its name; its TaskRuns, pods and volume go with it. Pods that are seen alive are
 * deleted by their uid as well, because garbage collection may lag or be off. One write when none is.
 *
 * A create that came late, of a dispatcher that was frozen, has made the run again after the one that is known was gone:
 * what stands there under another uid is read, and deleted by that uid when it is the attempt's.
 */
export async function removeRun(
  connection: ClusterConnection,
  attempt: Attempt,
  livePods: readonly PodView[],
  write: EndingWrite,
): Promise<void> {
  const { mayWrite, requestClass } = write;
  const path = KUBE_PATHS.pipelineRun(attempt.place.namespace, attempt.name);
  if (
    attempt.uid === undefined ||
    (mayWrite() && (await deleteByUid(connection, path, attempt.uid, write)) === 'other')
  ) {
    const uid = (await findRun(connection, attempt, requestClass))?.metadata.uid;
    if (uid !== undefined && mayWrite()) await deleteByUid(connection, path, uid, write);
  }
  await removePods(connection, livePods, write);
}

/** Deletes pods by their uid. One write each. */
export async function removePods(
  connection: ClusterConnection,
  pods: readonly PodView[],
  write: EndingWrite,
): Promise<void> {
  for (const pod of pods) {
    if (!write.mayWrite()) return;
    await deleteByUid(connection, KUBE_PATHS.pod(pod.namespace, pod.name), pod.uid, write);
  }
}

/** @returns `other` when the name belongs to another object now (409) */
async function deleteByUid(
  connection: ClusterConnection,
  path: string,
  uid: string,
  write: EndingWrite,
): Promise<'gone' | 'other'> {
  const body = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background', preconditions: { uid } };
  try {
    await unlessReason(['ObjectNotFound'], () => connection.request({ ...write, method: 'DELETE', path, body }));
    return 'gone';
  } catch (error) {
    if (isDomainError(error) && error.reason === 'ObjectConflict') return 'other';
    throw error;
  }
}

async function unlessReason<T>(reasons: readonly Reason[], call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (isDomainError(error) && reasons.includes(error.reason)) return undefined;
    throw error;
  }
}
