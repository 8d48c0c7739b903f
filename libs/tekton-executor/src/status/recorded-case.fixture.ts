import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { EventObject, PipelineRunObject, PodObject, TaskRunObject } from '../follow/kube-objects.js';
import { podView, runView, taskRunView } from '../follow/run-views.js';
import { TEKTON_LABELS } from '../follow/kube-objects.js';
import type { AttemptView } from './attempt-view.js';
import { failedStep, failedTaskRun } from './classify-failure.js';
import type { LogTail } from './log-tail.js';

const ROOT = fileURLToPath(new URL('../../../../test/fixtures/tekton/', import.meta.url));

export interface RecordedCase {
  readonly view: AttemptView;
  readonly events: readonly EventObject[];
  /** Tail of the failed step's log, as it was recorded. */
  readonly tail: LogTail | undefined;
  readonly document: string;
}

function json<T>(name: string, file: string): T {
  return JSON.parse(readFileSync(`${ROOT}${name}/${file}`, 'utf8')) as T;
}

/** One recorded case of `test/fixtures/tekton`. */
export function recordedCase(name: string): RecordedCase {
  const run = json<PipelineRunObject>(name, 'pipelinerun.json');
  const pods = json<PodObject[]>(name, 'pods.json').filter(
    ({ metadata }) => metadata.labels?.[TEKTON_LABELS.taskRun] !== undefined,
  );
  const view: AttemptView = {
    run: runView(run),
    taskRuns: json<TaskRunObject[]>(name, 'taskruns.json').map(taskRunView),
    pods: pods.map((pod) => podView(pod)),
  };
  return {
    view,
    events: json<EventObject[]>(name, 'events.json'),
    tail: recordedTail(name, view),
    document: JSON.stringify(run),
  };
}

/** Every pod of the recorded watch in its last state, gone when its deletion was seen. */
export function recordedPodWatch(name: string): AttemptView['pods'] {
  const last = new Map<string, AttemptView['pods'][number]>();
  for (const line of readFileSync(`${ROOT}${name}/watch-pods.jsonl`, 'utf8').split('\n')) {
    if (line === '') continue;
    const event = JSON.parse(line) as { type: string; object: PodObject };
    if (event.object.metadata.labels?.[TEKTON_LABELS.taskRun] === undefined) continue;
    const view = podView(event.object, event.type === 'DELETED');
    last.set(view.uid, view);
  }
  return [...last.values()];
}

function recordedTail(name: string, view: AttemptView): LogTail | undefined {
  const taskRun = failedTaskRun(view);
  const directory = `${ROOT}${name}/logs`;
  if (taskRun === undefined || !existsSync(directory)) return undefined;
  const file = readdirSync(directory).find(
    (one) => one === `${taskRun.podName ?? ''}.${failedStep(taskRun)?.container ?? ''}.log`,
  );
  if (file === undefined) return undefined;
  const lines = readFileSync(`${directory}/${file}`, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return { lines: lines.map((line) => line.slice(line.indexOf(' ') + 1)) };
}
