import type { PodView } from '../follow/run-views.js';
import { podOf } from './attempt-view.js';
import type { AttemptView } from './attempt-view.js';

/** A deleted pod of a node that is gone keeps its last state: so long past its grace period it counts as over. */
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

/** Whether a pod that was deleted should have been gone for long. */
export type IsOverdue = (pod: PodView) => boolean;

/**
 * True when no pod of an ended run has a container that lives or may still start (rule 15). A pod's phase lags behind
 * its containers, so the containers decide; and the kubelet's word about them lags too, so one that is being deleted is
 * over when its containers have ended or it is gone, not because none of them was seen to run yet.
 */
export function podsOver(pods: readonly PodView[], isOverdue: IsOverdue): boolean {
  return pods.every((pod) => isOver(pod, isOverdue));
}

export function isOver(pod: PodView, isOverdue: IsOverdue): boolean {
  return pod.gone || hasEnded(pod) || isOverdue(pod) || haveContainersEnded(pod);
}

/**
 * True when all pods are over by their nodes' own word. One that is only gone or overdue is not: when a node is cut off,
 * the cluster gives its pods up, marks them Failed and takes them away, while their containers may run on (rule 5). Nor
 * is one that Tekton names and nobody here has seen.
 */
export function podsProvedOver(view: AttemptView): boolean {
  const unseen = view.taskRuns.some(
    (taskRun) =>
      taskRun.podName !== undefined && taskRun.verdict.status !== 'True' && podOf(view, taskRun) === undefined,
  );
  return !unseen && view.pods.every(isProvedOver);
}

function isProvedOver(pod: PodView): boolean {
  const neverPlaced = pod.gone && pod.nodeName === undefined && !pod.lastStateUnseen;
  return neverPlaced || (hasEnded(pod) && !isLostWithNode(pod)) || haveContainersEnded(pod);
}

/** Reasons of DisruptionTarget with which the cluster gives up a pod whose node it does not reach. */
const NODE_LOSS = new Set(['DeletionByTaintManager', 'DeletionByPodGC']);

/** The cluster has given it up with its node: what it says of it since then is not the node's word. */
export function isLostWithNode({ reason, disruption }: PodView): boolean {
  return reason === 'NodeLost' || (disruption !== undefined && NODE_LOSS.has(disruption.reason));
}

function haveContainersEnded(pod: PodView): boolean {
  if (pod.containers.some(({ state }) => state === 'running')) return false;
  const main = pod.containers.filter(({ init }) => !init);
  if (main.length > 0 && main.every(({ state }) => state === 'terminated')) return true;
  return isStuck(pod);
}

/** Its phase is final: no container of it runs or starts any more. */
export function hasEnded({ phase }: PodView): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}

/** A container of it cannot start, so none of them does: Tekton's wait for each other. */
export function isStuck({ containers }: PodView): boolean {
  return containers.some(({ state, reason }) => state === 'waiting' && reason !== undefined && STUCK.has(reason));
}

/**
 * Since when pods are known to be deleted, by this process's monotonic clock alone: the time in the pod is another
 * machine's, and a wall clock that is ahead must not end a pod that has still its grace. A new process begins to count
 * anew, which only waits longer.
 */
export class OverduePods {
  /** Per execution, when each pod's deletion was first looked at. */
  readonly #sinceMs = new Map<string, Map<string, number>>();

  constructor(private readonly nowMs: () => number) {}

  readonly has: IsOverdue = ({ executionId = '', uid, deletionGraceMs }) => {
    if (deletionGraceMs === undefined) return false;
    const pods = this.#sinceMs.get(executionId) ?? new Map<string, number>();
    this.#sinceMs.set(executionId, pods);
    const sinceMs = pods.get(uid) ?? this.nowMs();
    pods.set(uid, sinceMs);
    return this.nowMs() - sinceMs > deletionGraceMs + NODE_GRACE_MS;
  };

  forget(executionId: string): void {
    this.#sinceMs.delete(executionId);
  }
}
