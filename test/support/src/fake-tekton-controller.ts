import { randomUUID } from 'node:crypto';
import type { FakeKubeApiServer } from './fake-kube-api-server/fake-kube-api-server.js';
import type { FakeObject } from './fake-kube-api-server/fake-object.js';

/** What a run does, by pipeline task. Tasks without a script succeed and print nothing. */
export interface FakeTaskScript {
  readonly lines?: readonly (string | Uint8Array)[];
  /** `hangs` until it is cancelled or `finish` is called. Default `succeeds`. */
  readonly ending?: 'succeeds' | 'fails' | 'hangs';
  readonly exitCode?: number;
  readonly results?: Readonly<Record<string, string>>;
  /** The pod waits so, and its step does not start before `start` is called. */
  readonly waits?: { readonly reason: string; readonly message: string };
}

export type FakeRunScript = Readonly<Record<string, FakeTaskScript>>;

interface RunObject extends FakeObject {
  spec: { status?: string; pipelineSpec: { tasks: { name: string }[]; results?: { name: string; value: string }[] } };
}

/** A task that hangs, and what ends it. */
interface HeldTask {
  readonly task: string;
  readonly end: (ending: 'succeeds' | 'fails') => void;
}

const INHERITED = /^image-factory\.io\//;

/**
 * A small Tekton beside a fake API server: it takes up PipelineRuns, makes a TaskRun and a pod per task in order, prints
 * logs, sets statuses, results and conditions as Tekton 1.15 does, and cancels. What a run does is scripted by build.
 */
export class FakeTektonController {
  /** Scripts by the build's id (label), else by the run's name; others follow the default, which is to succeed with a digest. */
  readonly scripts = new Map<string, FakeRunScript>();
  defaultScript: FakeRunScript = {};
  /** Runs whose status the controller leaves alone, as while it is down. */
  paused = false;
  /** Pods are made with these: one that is deleted stays, in deletion, until they are taken off it. */
  podFinalizers: readonly string[] = [];
  readonly #undo: () => void;
  readonly #held = new Map<string, HeldTask>();
  /** What starts the task that waits, by run. */
  readonly #waiting = new Map<string, () => void>();

  constructor(private readonly server: FakeKubeApiServer) {
    this.#undo = server.store.onEvent((event) => {
      if (event.resource.resource !== 'pipelineruns') return;
      const run = event.object as RunObject;
      if (event.type === 'DELETED') this.#forget(run.metadata.name);
      if (event.type === 'DELETED' || this.paused) return;
      queueMicrotask(() => this.#reconcile(run.metadata.namespace ?? '', run.metadata.name));
    });
  }

  close(): void {
    this.#undo();
  }

  /** The pod of a run's task has waited long enough; the run goes on, unless it has ended. */
  start(runName: string): void {
    this.#waiting.get(runName)?.();
  }

  /** Lets a hanging task of a run end, well unless told otherwise. */
  finish(runName: string, ending: 'succeeds' | 'fails' = 'succeeds'): void {
    this.#held.get(runName)?.end(ending);
  }

  /**
   * The pod of a run's hanging task is evicted, or its node is lost: it is deleted with that condition, and Tekton fails
   * the TaskRun and the run at once, as the recorded case `pod-evicted-api` shows.
   */
  disrupt(namespace: string, runName: string, condition: { readonly reason: string; readonly message: string }): void {
    const run = this.server.store.find('pipelineruns', namespace, runName) as RunObject | undefined;
    const task = this.#held.get(runName)?.task;
    if (run === undefined || task === undefined) return;
    this.#held.delete(runName);
    this.server.store.update('pods', namespace, podName(run, task), (object) => {
      const status = object['status'] as { conditions: object[] };
      status.conditions.push({ type: 'DisruptionTarget', status: 'True', ...condition });
    });
    this.#deletePod(namespace, podName(run, task));
    const at = now();
    const terminated = { exitCode: 255, reason: 'Error', startedAt: at, finishedAt: at, containerID: 'containerd://x' };
    this.#putTaskRun(run, task, {
      conditions: [succeeded('False', 'StepFailed', `"step-${task}" exited with code 255: Error`)],
      podName: podName(run, task),
      completionTime: at,
      steps: [{ name: task, container: `step-${task}`, terminated, terminationReason: 'Error' }],
    });
    this.#endRun(run, 'False', 'Failed', 'Tasks Completed: 1 (Failed: 1, Cancelled 0), Skipped: 0');
  }

  #forget(runName: string): void {
    this.#held.delete(runName);
    this.#waiting.delete(runName);
  }

  #deletePod(namespace: string, name: string): void {
    if (this.server.store.find('pods', namespace, name) === undefined) return;
    this.server.store.delete('pods', namespace, name);
    if (this.server.store.find('pods', namespace, name) === undefined) this.server.logs.endPod(namespace, name);
  }

  #reconcile(namespace: string, name: string): void {
    const run = this.server.store.find('pipelineruns', namespace, name) as RunObject | undefined;
    if (run === undefined || isEnded(run)) return;
    if (run.spec.status === 'Cancelled') this.#cancel(run);
    else if (run['status'] === undefined) this.#runTask(run, 0);
  }

  /** Takes up the task at `index`, or ends the run when there is none. */
  #runTask(run: RunObject, index: number): void {
    const task = run.spec.pipelineSpec.tasks[index];
    if (task === undefined) return this.#endRun(run, 'True', 'Succeeded', 'Tasks Completed');
    const script = this.#script(run)[task.name] ?? {};
    this.#setRun(run, 'Unknown', 'Running', `Tasks Completed: ${index}`);
    this.#putTaskRun(run, task.name, {
      conditions: [succeeded('Unknown', 'Pending', 'Pending')],
      podName: podName(run, task.name),
    });
    if (script.waits === undefined) return this.#take(run, index, script);
    this.#putPod(run, task.name, 'Pending', { waiting: script.waits });
    this.#waiting.set(run.metadata.name, () => {
      this.#waiting.delete(run.metadata.name);
      this.#take(run, index, script);
    });
  }

  /** The pod of the task has what it needs. */
  #take(run: RunObject, index: number, script: FakeTaskScript): void {
    const task = run.spec.pipelineSpec.tasks[index];
    if (task === undefined) return;
    this.#start(run, task.name, script);
    if (script.ending !== 'hangs') return this.#endTask(run, index, script);
    const end = (ending: 'succeeds' | 'fails'): void => this.#endTask(run, index, { ...script, ending });
    this.#held.set(run.metadata.name, { task: task.name, end });
  }

  #start(run: RunObject, task: string, script: FakeTaskScript): void {
    const startedAt = now();
    this.#putPod(run, task, 'Running', { running: { startedAt } });
    const steps = [{ name: task, container: `step-${task}`, running: { startedAt } }];
    this.#putTaskRun(run, task, {
      conditions: [succeeded('Unknown', 'Running', '')],
      podName: podName(run, task),
      steps,
    });
    for (const line of script.lines ?? [])
      this.server.logs.append(run.metadata.namespace ?? '', podName(run, task), `step-${task}`, line);
  }

  #endTask(run: RunObject, index: number, script: FakeTaskScript): void {
    this.#held.delete(run.metadata.name);
    const task = run.spec.pipelineSpec.tasks[index]?.name ?? '';
    const failed = script.ending === 'fails';
    const exitCode = failed ? (script.exitCode ?? 1) : 0;
    const at = now();
    const terminated = {
      exitCode,
      reason: failed ? 'Error' : 'Completed',
      startedAt: at,
      finishedAt: at,
      containerID: `containerd://${randomUUID()}`,
    };
    this.server.logs.end(run.metadata.namespace ?? '', podName(run, task), `step-${task}`);
    this.#putPod(run, task, failed ? 'Failed' : 'Succeeded', { terminated });
    const results = Object.entries(script.results ?? defaultResults(task)).map(([name, value]) => ({
      name,
      type: 'string',
      value,
    }));
    const message = `"step-${task}" exited with code ${exitCode}: Error`;
    this.#putTaskRun(run, task, {
      conditions: [
        failed
          ? succeeded('False', 'StepFailed', message)
          : succeeded('True', 'Succeeded', 'All Steps have completed executing'),
      ],
      podName: podName(run, task),
      completionTime: at,
      steps: [{ name: task, container: `step-${task}`, terminated, terminationReason: terminated.reason }],
      ...(failed ? {} : { results }),
    });
    if (failed) this.#endRun(run, 'False', 'Failed', 'Tasks Completed: 1 (Failed: 1, Cancelled 0), Skipped: 0');
    else this.#runTask(run, index + 1);
  }

  /** Pods are deleted, TaskRuns say why, as the recorded case `cancelled` shows. */
  #cancel(run: RunObject): void {
    const namespace = run.metadata.namespace ?? '';
    this.#forget(run.metadata.name);
    for (const { name: task } of run.spec.pipelineSpec.tasks) {
      const taskRun = this.server.store.find('taskruns', namespace, taskRunName(run, task));
      if (taskRun === undefined || isEnded(taskRun)) continue;
      this.#deletePod(namespace, podName(run, task));
      this.server.store.update('taskruns', namespace, taskRunName(run, task), (object) => {
        const status = object['status'] as { steps?: { name: string; running?: { startedAt: string } }[] };
        const steps = (status.steps ?? []).map(({ name, running }) => {
          const terminated = {
            exitCode: 1,
            reason: 'TaskRunCancelled',
            startedAt: running?.startedAt,
            finishedAt: now(),
          };
          return { name, container: `step-${name}`, terminated, terminationReason: 'TaskRunCancelled' };
        });
        object['status'] = {
          ...status,
          steps,
          completionTime: now(),
          conditions: [succeeded('False', 'TaskRunCancelled', 'cancelled')],
        };
      });
    }
    this.#endRun(run, 'False', 'Cancelled', `PipelineRun "${run.metadata.name}" was cancelled`);
  }

  #endRun(run: RunObject, status: string, reason: string, message: string): void {
    const results = status === 'True' ? this.#runResults(run) : [];
    this.#setRun(run, status, reason, message, { completionTime: now(), ...(results.length === 0 ? {} : { results }) });
  }

  #runResults(run: RunObject): { name: string; value: string }[] {
    return (run.spec.pipelineSpec.results ?? []).flatMap(({ name, value }) => {
      const [, task = '', result = ''] = /^\$\(tasks\.([^.]+)\.results\.([^)]+)\)$/.exec(value) ?? [];
      const taskRun = this.server.store.find('taskruns', run.metadata.namespace, taskRunName(run, task));
      const status = taskRun?.['status'] as { results?: { name: string; value: string }[] } | undefined;
      const found = status?.results?.find((one) => one.name === result);
      return found === undefined ? [] : [{ name, value: found.value }];
    });
  }

  #setRun(run: RunObject, status: string, reason: string, message: string, more: Record<string, unknown> = {}): void {
    const found = this.server.store.find('pipelineruns', run.metadata.namespace, run.metadata.name);
    if (found === undefined || found.metadata.uid !== run.metadata.uid) return;
    this.server.store.update('pipelineruns', run.metadata.namespace, run.metadata.name, (object) => {
      object['status'] = {
        ...(object['status'] as object | undefined),
        startTime: now(),
        conditions: [succeeded(status, reason, message)],
        ...more,
      };
    });
  }

  #putTaskRun(run: RunObject, task: string, status: Record<string, unknown>): void {
    const metadata = childMetadata(run, taskRunName(run, task), task, run.metadata.uid ?? '');
    this.server.store.put('taskruns', { metadata, status: { startTime: now(), ...status } });
  }

  #putPod(run: RunObject, task: string, phase: string, state: Record<string, unknown>): void {
    const owner =
      this.server.store.find('taskruns', run.metadata.namespace, taskRunName(run, task))?.metadata.uid ?? '';
    const metadata = childMetadata(run, podName(run, task), task, owner);
    metadata.labels['tekton.dev/taskRun'] = taskRunName(run, task);
    this.server.store.put('pods', {
      metadata: { ...metadata, ...(this.podFinalizers.length === 0 ? {} : { finalizers: [...this.podFinalizers] }) },
      spec: { nodeName: 'node1', containers: [{ name: `step-${task}`, image: `fake/${task}:1` }] },
      status: {
        phase,
        conditions: [{ type: 'PodScheduled', status: 'True' }],
        containerStatuses: [{ name: `step-${task}`, state }],
      },
    });
  }

  #script(run: RunObject): FakeRunScript {
    const { name, labels = {} } = run.metadata;
    return this.scripts.get(labels['image-factory.io/build'] ?? '') ?? this.scripts.get(name) ?? this.defaultScript;
  }
}

function childMetadata(run: RunObject, name: string, task: string, ownerUid: string) {
  const inherited = Object.entries(run.metadata.labels ?? {}).filter(([key]) => INHERITED.test(key));
  const labels: Record<string, string> = {
    ...Object.fromEntries(inherited),
    'tekton.dev/pipelineRun': run.metadata.name,
    'tekton.dev/pipelineRunUID': run.metadata.uid ?? '',
    'tekton.dev/pipelineTask': task,
  };
  return { name, namespace: run.metadata.namespace ?? '', labels, ownerReferences: [{ uid: ownerUid }] };
}

function taskRunName(run: RunObject, task: string): string {
  return `${run.metadata.name}-${task}`;
}

function podName(run: RunObject, task: string): string {
  return `${taskRunName(run, task)}-pod`;
}

function succeeded(status: string, reason: string, message: string): Record<string, unknown> {
  return { type: 'Succeeded', status, reason, message, lastTransitionTime: now() };
}

function isEnded(object: FakeObject): boolean {
  const status = object['status'] as { conditions?: { status: string }[] } | undefined;
  return ['True', 'False'].includes(status?.conditions?.[0]?.status ?? '');
}

function defaultResults(task: string): Record<string, string> {
  return task === 'clone'
    ? { commit: 'a'.repeat(40) }
    : {
        IMAGE_URL: 'registry.example/team/app:if-1',
        IMAGE_DIGEST: `sha256:${'d'.repeat(64)}`,
        MANIFEST: '{"artifacts":[]}',
      };
}

function now(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, 'Z');
}
