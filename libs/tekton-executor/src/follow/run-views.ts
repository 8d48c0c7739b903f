import { LABELS } from '@image-factory/domain';
import { TEKTON_LABELS } from './kube-objects.js';
import type { ObjectMeta, PipelineRunObject, PodObject, StatusCondition, TaskRunObject } from './kube-objects.js';

/** Who an object belongs to, from the labels that a run hands on to its TaskRuns and pods. */
export interface Ownership {
  readonly executionId: string | undefined;
  readonly buildId: string | undefined;
  readonly attempt: number | undefined;
  readonly shard: number | undefined;
}

/** Status of a condition `Succeeded`: `Unknown` while it goes on. */
export interface Verdict {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

/** Slim copy of a PipelineRun: what is kept of each that is watched. */
export interface RunView extends Ownership {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly createdAt: Date;
  readonly deleting: boolean;
  readonly verdict: Verdict;
  readonly completedAt: Date | undefined;
  readonly results: Readonly<Record<string, string>>;
}

/** A step as its TaskRun or pod tells it. */
export interface StepView {
  readonly step: string;
  readonly container: string;
  /** Undefined until the container started; a termination that Tekton wrote for a step that never ran has none. */
  readonly startedAt: Date | undefined;
  readonly finishedAt: Date | undefined;
  readonly exitCode: number | undefined;
  /** `terminationReason` of Tekton (`Skipped`, `TimeoutExceeded`, …), else the container's. */
  readonly reason: string | undefined;
  readonly message: string | undefined;
}

export interface TaskRunView extends Ownership {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly runName: string | undefined;
  readonly runUid: string | undefined;
  readonly pipelineTask: string;
  readonly createdAt: Date;
  readonly completedAt: Date | undefined;
  readonly verdict: Verdict;
  readonly podName: string | undefined;
  readonly steps: readonly StepView[];
  readonly results: Readonly<Record<string, string>>;
}

export interface ContainerView {
  readonly name: string;
  readonly init: boolean;
  readonly image: string | undefined;
  readonly state: 'waiting' | 'running' | 'terminated' | 'unknown';
  readonly reason: string | undefined;
  readonly message: string | undefined;
  readonly exitCode: number | undefined;
  readonly startedAt: Date | undefined;
  readonly finishedAt: Date | undefined;
}

export interface PodView extends Ownership {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly runName: string | undefined;
  readonly runUid: string | undefined;
  readonly taskRun: string;
  readonly pipelineTask: string;
  readonly createdAt: Date;
  readonly nodeName: string | undefined;
  /** It is being deleted, and has so long to end; undefined while it is not. */
  readonly deletionGraceMs: number | undefined;
  /** The watch saw it go: this is its last state. */
  readonly gone: boolean;
  /** It is gone and nobody saw it go: its containers may have done more than this says. */
  readonly lastStateUnseen: boolean;
  readonly phase: string;
  readonly reason: string | undefined;
  readonly message: string | undefined;
  readonly unschedulable: string | undefined;
  /** Reason and message of the condition DisruptionTarget, kept because the pod will be gone (rule 16). */
  readonly disruption: { readonly reason: string; readonly message: string } | undefined;
  readonly containers: readonly ContainerView[];
}

export function runView(run: PipelineRunObject): RunView {
  const { metadata, status } = run;
  return {
    ...ownership(metadata),
    ...identity(metadata),
    createdAt: time(metadata.creationTimestamp) ?? new Date(0),
    deleting: metadata.deletionTimestamp !== undefined,
    verdict: verdict(status?.conditions),
    completedAt: time(status?.completionTime),
    results: results(status?.results),
  };
}

export function taskRunView(taskRun: TaskRunObject): TaskRunView {
  const { metadata, status } = taskRun;
  return {
    ...ownership(metadata),
    ...identity(metadata),
    runName: metadata.labels?.[TEKTON_LABELS.pipelineRun],
    runUid: metadata.labels?.[TEKTON_LABELS.pipelineRunUid],
    pipelineTask: metadata.labels?.[TEKTON_LABELS.pipelineTask] ?? '',
    createdAt: time(metadata.creationTimestamp) ?? new Date(0),
    completedAt: time(status?.completionTime),
    verdict: verdict(status?.conditions),
    podName: status?.podName,
    steps: (status?.steps ?? []).map((step) => {
      const { terminated, running } = step;
      // A step that never ran is terminated by Tekton with its TaskRun's creation time and without a container.
      const invented = terminated?.containerID === undefined && terminated?.startedAt === metadata.creationTimestamp;
      return {
        step: step.name,
        container: step.container ?? `step-${step.name}`,
        startedAt: invented ? undefined : time(terminated?.startedAt ?? running?.startedAt),
        finishedAt: time(terminated?.finishedAt),
        exitCode: terminated?.exitCode,
        reason: step.terminationReason ?? terminated?.reason ?? step.waiting?.reason,
        message: terminated?.message ?? step.waiting?.message,
      };
    }),
    results: results(status?.results),
  };
}

export function podView(pod: PodObject, gone = false): PodView {
  const { metadata, status } = pod;
  const labels = metadata.labels ?? {};
  const condition = (type: string): StatusCondition | undefined => status?.conditions?.find((one) => one.type === type);
  const scheduled = condition('PodScheduled');
  const disruption = condition('DisruptionTarget');
  return {
    ...ownership(metadata),
    ...identity(metadata),
    runName: labels[TEKTON_LABELS.pipelineRun],
    runUid: labels[TEKTON_LABELS.pipelineRunUid],
    taskRun: labels[TEKTON_LABELS.taskRun] ?? '',
    pipelineTask: labels[TEKTON_LABELS.pipelineTask] ?? '',
    createdAt: time(metadata.creationTimestamp) ?? new Date(0),
    nodeName: pod.spec?.nodeName,
    deletionGraceMs:
      metadata.deletionTimestamp === undefined ? undefined : (metadata.deletionGracePeriodSeconds ?? 0) * 1000,
    gone,
    lastStateUnseen: false,
    phase: status?.phase ?? 'Pending',
    reason: status?.reason,
    message: status?.message,
    unschedulable: scheduled?.status === 'False' ? (scheduled.message ?? scheduled.reason ?? '') : undefined,
    disruption:
      disruption?.status === 'True'
        ? { reason: disruption.reason ?? 'DisruptionTarget', message: disruption.message ?? '' }
        : undefined,
    containers: containers(pod),
  };
}

function containers(pod: PodObject): ContainerView[] {
  const views = (init: boolean): ContainerView[] => {
    const declared = (init ? pod.spec?.initContainers : pod.spec?.containers) ?? [];
    const statuses = (init ? pod.status?.initContainerStatuses : pod.status?.containerStatuses) ?? [];
    const names = declared.length > 0 ? declared.map(({ name }) => name) : statuses.map(({ name }) => name);
    return names.map((name): ContainerView => {
      const status = statuses.find((one) => one.name === name);
      const { waiting, running, terminated } = status?.state ?? {};
      return {
        name,
        init,
        image: declared.find((one) => one.name === name)?.image ?? status?.image,
        state:
          terminated !== undefined
            ? 'terminated'
            : running !== undefined
              ? 'running'
              : waiting !== undefined
                ? 'waiting'
                : 'unknown',
        reason: terminated?.reason ?? waiting?.reason,
        message: terminated?.message ?? waiting?.message,
        exitCode: terminated?.exitCode,
        startedAt: time(terminated?.startedAt ?? running?.startedAt),
        finishedAt: time(terminated?.finishedAt),
      };
    });
  };
  return [...views(true), ...views(false)];
}

/** Whose an object is, by its labels. */
export function ownership(metadata: ObjectMeta): Ownership {
  const labels = metadata.labels ?? {};
  const number = (key: string): number | undefined =>
    /^\d+$/.test(labels[key] ?? '') ? Number(labels[key]) : undefined;
  return {
    executionId: labels[LABELS.execution],
    buildId: labels[LABELS.build],
    attempt: number(LABELS.attempt),
    shard: number(LABELS.shard),
  };
}

function identity(metadata: ObjectMeta): { namespace: string; name: string; uid: string } {
  return { namespace: metadata.namespace ?? '', name: metadata.name ?? '', uid: metadata.uid ?? '' };
}

function verdict(conditions: readonly StatusCondition[] | undefined): Verdict {
  const condition = conditions?.find(({ type }) => type === 'Succeeded');
  const status = condition?.status === 'True' || condition?.status === 'False' ? condition.status : 'Unknown';
  return { status, reason: condition?.reason ?? '', message: condition?.message ?? '' };
}

/** Only string results are ours; array and object results would be another pipeline's. */
function results(list: readonly { name: string; value: unknown }[] | undefined): Record<string, string> {
  return Object.fromEntries(
    (list ?? []).flatMap(({ name, value }) => (typeof value === 'string' ? [[name, value]] : [])),
  );
}

function time(text: string | null | undefined): Date | undefined {
  if (text === undefined || text === null) return undefined;
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
