import { isDeepStrictEqual } from 'node:util';
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

/** Everything that a set of watches knows at one moment. */
export interface WatchedObjects {
  readonly runs: readonly RunView[];
  readonly taskRuns: readonly TaskRunView[];
  readonly pods: readonly PodView[];
}

interface Entry {
  run: RunView | undefined;
  runGone: boolean;
  goneAtMs: number | undefined;
  changedAtMs: number;
  /** Nobody asks for it any more: it is kept only until its last news are in. */
  released: boolean;
  readonly taskRuns: Map<string, TaskRunView>;
  readonly pods: Map<string, PodView>;
}

const NOTHING: SeenAttempt = { run: undefined, runGone: false, taskRuns: [], pods: [] };

/** Gone runs are kept this long for whoever still asks; then they are read from the cluster, which has none. */
const KEEP_GONE_MS = 60 * 60_000;
/** So long the deletions that follow a removed run may still come in. */
const KEEP_RELEASED_MS = 60_000;
/** What has expired is looked for at a change, at most so often. */
const SWEEP_EVERY_MS = 60_000;

/**
 * Slim copies of everything that is watched, by execution. Objects that are deleted stay in their last state until their
 * run is forgotten: a pod's disruption must still be known when its TaskRun is judged (rule 16), and a run that others
 * deleted takes its verdict from its last state (rule 15).
 */
export class AttemptViews {
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Map<string, Set<() => void>>();
  #sweptAtMs = 0;

  constructor(
    private readonly onChange: (executionId: string) => void,
    private readonly nowMs: () => number,
    /** An execution is forgotten here: what others keep of it can go too. */
    private readonly onForget: (executionId: string) => void = () => undefined,
  ) {}

  /** Executions that something is kept of. */
  get size(): number {
    return this.#entries.size;
  }

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

  /**
   * Adds what was read directly and no watch has told yet; what the watches know is newer and stays. That a pod has gone
   * which nobody saw go is not known: it is there when it was read.
   */
  addMissing({ run, taskRuns, pods }: AttemptView): void {
    const seen = this.find(run.executionId ?? '');
    for (const taskRun of taskRuns) {
      const known = seen.taskRuns.find(({ uid }) => uid === taskRun.uid);
      if (known === undefined || (!isEnded(known.verdict) && isEnded(taskRun.verdict))) this.putTaskRun(taskRun);
    }
    for (const pod of pods) {
      const known = seen.pods.find(({ uid }) => uid === pod.uid);
      if (known === undefined || known.lastStateUnseen) this.putPod(pod);
    }
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

  /** The execution was removed by us: nobody asks for it any more. */
  release(executionId: string): void {
    const entry = this.#entries.get(executionId);
    if (entry === undefined) return;
    entry.released = true;
    entry.changedAtMs = this.nowMs();
  }

  /** Drops what belongs to shards that are not held, and what has expired. */
  retain(shards: ReadonlySet<number>): void {
    for (const [executionId, entry] of [...this.#entries]) {
      const shard = entry.run?.shard ?? [...entry.taskRuns.values(), ...entry.pods.values()][0]?.shard;
      if (shard !== undefined && !shards.has(shard)) this.#forget(executionId);
    }
    this.#sweep();
  }

  /**
   * New watches took over from others, which wrote here until they were closed and may have been behind: what they had not
   * heard of they never tell. So what the new ones know stands, and what they do not know is gone, and nobody saw it go.
   */
  replace({ runs, taskRuns, pods }: WatchedObjects, shards: ReadonlySet<number>): void {
    this.retain(shards);
    const listed = new Set([...runs, ...pods].map(({ uid }) => uid));
    for (const run of runs) if (!isDeepStrictEqual(this.#of(run)?.run, run)) this.putRun(run);
    for (const taskRun of taskRuns) {
      if (!isDeepStrictEqual(this.#of(taskRun)?.taskRuns.get(taskRun.uid), taskRun)) this.putTaskRun(taskRun);
    }
    for (const pod of pods) {
      const known = this.#of(pod)?.pods.get(pod.uid);
      const disruption = pod.disruption ?? known?.disruption;
      if (known?.gone !== true && !isDeepStrictEqual(known, { ...pod, disruption })) this.putPod(pod);
    }
    for (const { run, runGone, pods: known } of [...this.#entries.values()]) {
      if (run !== undefined && !runGone && !listed.has(run.uid)) this.dropRun(run);
      for (const pod of [...known.values()]) {
        if (!pod.gone && !listed.has(pod.uid)) this.putPod({ ...pod, gone: true, lastStateUnseen: true });
      }
    }
  }

  #of({ executionId = '' }: { readonly executionId: string | undefined }): Entry | undefined {
    return this.#entries.get(executionId);
  }

  #sweep(): void {
    const nowMs = this.nowMs();
    this.#sweptAtMs = nowMs;
    for (const [executionId, entry] of [...this.#entries]) {
      const { goneAtMs, changedAtMs, released } = entry;
      const gone = goneAtMs !== undefined && goneAtMs < nowMs - KEEP_GONE_MS;
      // Late news of a run that was forgotten make an entry without a run.
      const stray = entry.run === undefined && changedAtMs < nowMs - KEEP_GONE_MS;
      // While a pod of it may live, what is known of that decides whether it is over.
      const over = released && [...entry.pods.values()].every((pod) => pod.gone);
      if (gone || stray || (over && changedAtMs < nowMs - KEEP_RELEASED_MS)) this.#forget(executionId);
    }
  }

  #forget(executionId: string): void {
    this.#entries.delete(executionId);
    this.onForget(executionId);
  }

  #change(executionId: string | undefined, apply: (entry: Entry) => void): void {
    if (executionId === undefined) return;
    let entry = this.#entries.get(executionId);
    if (entry === undefined) {
      entry = {
        run: undefined,
        runGone: false,
        goneAtMs: undefined,
        changedAtMs: 0,
        released: false,
        taskRuns: new Map(),
        pods: new Map(),
      };
      this.#entries.set(executionId, entry);
    }
    entry.changedAtMs = this.nowMs();
    apply(entry);
    if (this.nowMs() - this.#sweptAtMs > SWEEP_EVERY_MS) this.#sweep();
    this.onChange(executionId);
    for (const listener of [...(this.#listeners.get(executionId) ?? [])]) listener();
  }
}
