import type { ContainerView, PodView, TaskRunView } from '../follow/run-views.js';
import type { EventObject } from '../follow/kube-objects.js';
import { isEnded, podOf } from './attempt-view.js';
import type { AttemptView } from './attempt-view.js';
import { imagePullReason } from './image-pull-reason.js';
import { adviceMessage } from './reason-advice.js';
import type { AttemptReason } from './reason-advice.js';

export interface Waiting {
  readonly reason: AttemptReason;
  readonly message: string;
}

interface Found {
  readonly reason: AttemptReason;
  readonly what: string;
}

const IMAGE_WAITS = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'ImageInspectError',
  'RegistryUnavailable',
]);
const CONFIG_WAITS = new Set([
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
  'PreCreateHookError',
]);

/** For so long a pod that is not scheduled yet is no trouble: volumes are made and bound in that time. */
const SCHEDULING_MS = 5_000;

/**
 * Why an attempt waits for a step, from the closed list, with what to do. `waiting` is the TaskRun that waits, undefined
 * while the run has none; `events` are those of its pod, listed only when it has waited for some seconds.
 */
export function waitingReason(
  view: AttemptView,
  waiting: TaskRunView | undefined,
  events: readonly EventObject[] = [],
  waitedMs: number = Number.POSITIVE_INFINITY,
): Waiting {
  const found =
    waiting === undefined
      ? { reason: 'WaitingForPod' as const, what: `Tekton has not yet taken up the PipelineRun ${view.run.name}` }
      : (taskRunWait(waiting) ?? settle(podWait(podOf(view, waiting), waiting, events), waitedMs));
  return { reason: found.reason, message: adviceMessage(found.reason, found.what) };
}

function taskRunWait(taskRun: TaskRunView): Found | undefined {
  const { reason, message } = taskRun.verdict;
  if (isEnded(taskRun.verdict)) return undefined;
  if (reason === 'ExceededResourceQuota') return { reason: 'QuotaExceeded', what: message };
  return undefined;
}

function settle(found: Found, waitedMs: number): Found {
  if (waitedMs >= SCHEDULING_MS) return found;
  if (found.reason === 'PvcNotBound') return { ...found, reason: 'WaitingForVolume' };
  const companion = found.reason === 'Unschedulable' && found.what.includes("didn't match pod affinity rules");
  // Not the scheduler's words: they are about all nodes, and a tenant reads this reason's text as it is.
  return companion
    ? { reason: 'WaitingForPod', what: 'Its pod is scheduled after the one that binds its volume' }
    : found;
}

function podWait(pod: PodView | undefined, taskRun: TaskRunView, events: readonly EventObject[]): Found {
  if (pod === undefined || pod.gone) return { reason: 'WaitingForPod', what: `TaskRun ${taskRun.name} has no pod yet` };
  const container = containerWait(pod);
  if (container !== undefined) return container;
  if (pod.unschedulable !== undefined) return schedulingWait(pod, pod.unschedulable);
  const event = eventWait(pod, events);
  if (event !== undefined) return event;
  if (pod.nodeName === undefined) return { reason: 'WaitingForPod', what: `Pod ${pod.name} is not scheduled yet` };
  return {
    reason: 'ContainerCreating',
    what: `The containers of pod ${pod.name} are being made on node ${pod.nodeName}`,
  };
}

function containerWait(pod: PodView): Found | undefined {
  for (const container of pod.containers) {
    if (container.state !== 'waiting' || container.reason === undefined) continue;
    const what = `Container ${container.name} of pod ${pod.name}: ${container.message ?? container.reason}`;
    if (IMAGE_WAITS.has(container.reason))
      return { reason: imagePullReason(`${container.reason} ${container.message ?? ''}`), what };
    if (CONFIG_WAITS.has(container.reason)) return { reason: configReason(container), what };
  }
  return undefined;
}

export function configReason(container: Pick<ContainerView, 'message'>): 'SecretMissing' | 'ContainerConfigError' {
  return /\bsecret\b.*not found/i.test(container.message ?? '') ? 'SecretMissing' : 'ContainerConfigError';
}

function schedulingWait(pod: PodView, text: string): Found {
  const volume = /persistentvolumeclaim|persistent ?volume|volume node affinity/i.test(text);
  return { reason: volume ? 'PvcNotBound' : 'Unschedulable', what: `Pod ${pod.name}: ${text}` };
}

/**
 * What the pod's events tell, the newest first. They are the only place where a mount's failure is told. A pull that has
 * failed is still failing while it is tried again.
 */
function eventWait(pod: PodView, events: readonly EventObject[]): Found | undefined {
  const own = events.filter(({ involvedObject }) => involvedObject?.name === pod.name).reverse();
  const pullFailed = own.find(
    ({ reason, message }) => reason === 'Failed' && /failed to pull|couldn't parse image/i.test(message ?? ''),
  );
  for (const event of own) {
    const text = event.message ?? '';
    const what = `Pod ${pod.name}: ${text}`;
    if (event.reason === 'FailedMount' && /\bsecret\b.*not found/i.test(text)) return { reason: 'SecretMissing', what };
    if (event.reason === 'FailedMount' || event.reason === 'FailedAttachVolume')
      return { reason: 'WaitingForVolume', what };
    if (event.reason === 'FailedScheduling' && pod.nodeName === undefined) return schedulingWait(pod, text);
    if (event.reason === 'FailedCreatePodSandBox') return { reason: 'ContainerCreating', what };
    if (event === pullFailed || (event.reason === 'Pulling' && pullFailed !== undefined)) {
      const failed = pullFailed.message ?? '';
      return { reason: imagePullReason(failed), what: `Pod ${pod.name}: ${failed}` };
    }
    if (event.reason === 'Pulled') return undefined;
    if (event.reason === 'Pulling') return { reason: 'PullingImage', what };
  }
  return undefined;
}
