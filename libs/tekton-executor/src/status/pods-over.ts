import type { PodView } from '../follow/run-views.js';

/** A deleted pod of a node that is gone keeps its last state: after this long past its end it counts as over. */
const NODE_GRACE_MS = 60_000;

/** Waiting reasons out of which a container of an ended run does not come by itself; the pod goes with its run. */
const STUCK = new Set([
  'CreateContainerConfigError',
  'CreateContainerError',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ErrImagePull',
  'ImagePullBackOff',
]);

/**
 * True when no pod of an ended run has a container that lives or may still start (rule 15). A pod's phase lags behind
 * its containers, so the containers decide.
 */
export function podsOver(pods: readonly PodView[], now: Date): boolean {
  return pods.every((pod) => isOver(pod, now));
}

export function isOver(pod: PodView, now: Date): boolean {
  if (pod.gone || pod.phase === 'Succeeded' || pod.phase === 'Failed') return true;
  if (pod.deleteAt !== undefined && now.getTime() > pod.deleteAt.getTime() + NODE_GRACE_MS) return true;
  if (pod.containers.some(({ state }) => state === 'running')) return false;
  const main = pod.containers.filter(({ init }) => !init);
  if (main.length > 0 && main.every(({ state }) => state === 'terminated')) return true;
  if (pod.deleteAt !== undefined) return true;
  return pod.containers.some(({ state, reason }) => state === 'waiting' && reason !== undefined && STUCK.has(reason));
}
