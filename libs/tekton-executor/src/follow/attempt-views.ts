import { isEnded } from '../status/attempt-view.js';
import type { AttemptView } from '../status/attempt-view.js';
import type { PodView, RunView, TaskRunView } from './run-views.js';

/** What the watches know of one execution. */
export interface SeenAttempt {
  readonly run: RunView | undefined;
  /** The run's deletion was seen; `run` is its last state. */
  readonly runGone: boolean;
  readonly taskRuns: readonly TaskRunView[];
  readonly pods: readonly PodView[];
}

interface Entry {
  run: RunView | undefined;
  runGone: boolean;
  goneAtMs: number | undefined;
  readonly taskRuns: Map<string, TaskRunView>;
  readonly pods: Map<string, PodView>;
}

const NOTHING: SeenAttempt = { run: undefined, runGone: false, taskRuns: [], pods: [] };

/** Gone runs are kept this long for whoever still asks; then they are read from the cluster, which has none. */
const KEEP_GONE_MS = 60 * 60_000;

/**
 * Slim copies of everything that is watched, by execution. Objects that are deleted stay in their last state until their
 * run is forgotten: a pod's disruption must still be known when its TaskRun is judged (rule 16), and a run that others
 * deleted takes its verdict from its last state (rule 15).
 */
export class AttemptViews {
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Map<string, Set<() => void>>();

  constructor(
    private readonly onChange: (executionId: string) => void,
    private readonly nowMs: () => number,
  ) {}

  find(executionId: string): SeenAttempt {
    const entry = this.#entries.get(executionId);
    if (entry === undefined) return NOTHING;
    const { run, runGone } = entry;
    const ofRun = ({ runUid }: { readonly runUid: string | undefined }): boolean =>
      run === undefined || runUid === undefined || runUid === run.uid;
    return {
      run,
      runGone,
      taskRuns: [...entry.taskRuns.values()].filter(ofRun),
      pods: [...entry.pods.values()].filter(ofRun),
    };
  }

  putRun(run: RunView): void {
    this.#change(run.executionId, (entry) => {
      entry.run = run;
      entry.runGone = false;
      entry.goneAtMs = undefined;
    });
  }

  dropRun(last: RunView): void {
    this.#change(last.executionId, (entry) => {
      if (entry.run !== undefined && entry.run.uid !== last.uid) return;
      entry.run = last;
      entry.runGone = true;
      entry.goneAtMs = this.nowMs();
    });
  }

  /** A TaskRun that is deleted keeps its last state too. */
  putTaskRun(taskRun: TaskRunView): void {
    this.#change(taskRun.executionId, (entry) => entry.taskRuns.set(taskRun.uid, taskRun));
  }

  /** Pods that belong to no TaskRun are not ours to judge: the affinity assistant's carry the run's labels too. */
  putPod(pod: PodView): void {
    if (pod.taskRun === '') return;
    this.#change(pod.executionId, (entry) => {
      const known = entry.pods.get(pod.uid);
      entry.pods.set(pod.uid, { ...pod, disruption: pod.disruption ?? known?.disruption });
    });
  }

  /** Adds what was read directly and no watch has told yet; what the watches know is newer and stays. */
  addMissing({ run, taskRuns, pods }: AttemptView): void {
    const seen = this.find(run.executionId ?? '');
    for (const taskRun of taskRuns) {
      const known = seen.taskRuns.find(({ uid }) => uid === taskRun.uid);
      if (known === undefined || (!isEnded(known.verdict) && isEnded(taskRun.verdict))) this.putTaskRun(taskRun);
    }
    for (const pod of pods) if (!seen.pods.some(({ uid }) => uid === pod.uid)) this.putPod(pod);
  }

  /** Calls back when anything of the execution changes. Returns the undoing. */
  listen(executionId: string, callback: () => void): () => void {
    const listeners = this.#listeners.get(executionId) ?? new Set();
    this.#listeners.set(executionId, listeners.add(callback));
    return () => {
      listeners.delete(callback);
      if (listeners.size === 0 && this.#listeners.get(executionId) === listeners) this.#listeners.delete(executionId);
    };
  }

  forget(executionId: string): void {
    this.#entries.delete(executionId);
  }

  /** Drops what belongs to shards that are not held, and what is long gone. */
  retain(shards: ReadonlySet<number>): void {
    const oldest = this.nowMs() - KEEP_GONE_MS;
    for (const [executionId, entry] of this.#entries) {
      const shard = entry.run?.shard ?? [...entry.taskRuns.values(), ...entry.pods.values()][0]?.shard;
      const expired = entry.goneAtMs !== undefined && entry.goneAtMs < oldest;
      if (expired || (shard !== undefined && !shards.has(shard))) this.#entries.delete(executionId);
    }
  }

  #change(executionId: string | undefined, apply: (entry: Entry) => void): void {
    if (executionId === undefined) return;
    let entry = this.#entries.get(executionId);
    if (entry === undefined) {
      entry = { run: undefined, runGone: false, goneAtMs: undefined, taskRuns: new Map(), pods: new Map() };
      this.#entries.set(executionId, entry);
    }
    apply(entry);
    this.onChange(executionId);
    for (const listener of [...(this.#listeners.get(executionId) ?? [])]) listener();
  }
}
