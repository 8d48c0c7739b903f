import { LABELS } from '@image-factory/domain';
import type { FakeObject } from '@image-factory/test-support';
import type { BuildPlan } from '../load/build-plan.ts';
import type { LiveRuns } from './live-runs.ts';

/** One PipelineRun that was ever created, with what its pods have done. */
export interface RunFacts {
  readonly name: string;
  readonly cluster: string;
  readonly uid: string;
  readonly buildId: string;
  readonly attempt: number;
  readonly tenantId: string;
  readonly plan: BuildPlan | undefined;
  readonly stepsStarted: Set<string>;
  /** Bytes by step. */
  readonly printed: Map<string, Buffer[]>;
  /** Uids of its pods with a container that runs, also of those that are being deleted. */
  readonly livePods: Set<string>;
  /** Milliseconds since 1970, by step: when the pod's deletion was asked for. */
  readonly podDeletedAt: Map<string, number>;
  /** The same of the run itself, when it went. */
  goneAt: number | undefined;
  /** Somebody who is no dispatcher has deleted it. */
  deletedByOthers: boolean;
  /** The suite has cut or refused its logs, again and again, to bring a gap about. */
  logsKeptAway: boolean;
}

/**
 * What a cluster itself knows, kept apart from all that the product writes. Rules that must hold at every moment are
 * checked at every event: the cluster's limit, what `LiveRuns` knows of all clusters, and that a run which came too late
 * cannot start. A run lives as long as a container of it does, whatever Tekton says of it.
 */
export class ClusterFacts {
  /** The run of each name that ever started. */
  readonly runs = new Map<string, RunFacts>();
  readonly violations: string[] = [];
  /**
   * Runs that were made after their attempt had ended, by a dispatcher that was held up with its request under way: the
   * attempt's Secret had been there and was removed, and without it they never start.
   */
  lateRuns = 0;
  mostLive = 0;
  readonly #cluster: string;
  /** Names of runs whose attempt's Secret was ever here. */
  readonly #secrets = new Set<string>();
  /** Late runs that are here, by name. */
  readonly #late = new Set<string>();
  readonly #maxRuns: number;
  readonly #allLive: LiveRuns;

  constructor(cluster: string, maxRuns: number, allLive: LiveRuns) {
    this.#cluster = cluster;
    this.#maxRuns = maxRuns;
    this.#allLive = allLive;
  }

  created(object: FakeObject, plan: BuildPlan | undefined, hasSecret: boolean): RunFacts {
    const { name, uid = '', labels = {} } = object.metadata;
    const run: RunFacts = {
      name,
      cluster: this.#cluster,
      uid,
      buildId: labels[LABELS.build] ?? '',
      attempt: Number(labels[LABELS.attempt] ?? '0'),
      tenantId: labels[LABELS.tenant] ?? '',
      plan,
      stepsStarted: new Set(),
      printed: new Map(),
      livePods: new Set(),
      podDeletedAt: new Map(),
      goneAt: undefined,
      deletedByOthers: false,
      logsKeptAway: false,
    };
    if (hasSecret) {
      if (!this.runs.has(name)) this.runs.set(name, run);
      this.#allLive.created(run);
      return run;
    }
    this.lateRuns += 1;
    this.#late.add(name);
    if (!this.#secrets.has(name)) this.violations.push(`${this.#cluster}: run ${name} was made before its Secret`);
    return run;
  }

  /** The Secret of the attempt whose run has that name is made. */
  secretMade(name: string): void {
    this.#secrets.add(name);
    if (!this.#late.has(name)) return;
    this.violations.push(`${this.#cluster}: run ${name} came late and could start: its Secret was made again`);
  }

  runGone(name: string): void {
    this.#late.delete(name);
    const run = this.runs.get(name);
    if (run !== undefined) run.goneAt ??= Date.now();
  }

  /** A pod of the run has changed, or is gone. */
  podChanged(run: RunFacts, pod: FakeObject, deleted: boolean): void {
    const before = run.livePods.size;
    const step = pod.metadata.labels?.['tekton.dev/pipelineTask'] ?? '';
    if ((deleted || pod.metadata.deletionTimestamp !== undefined) && !run.podDeletedAt.has(step))
      run.podDeletedAt.set(step, Date.now());
    if (!deleted && isRunning(pod)) run.livePods.add(pod.metadata.uid ?? '');
    else run.livePods.delete(pod.metadata.uid ?? '');
    if (before === 0 && run.livePods.size > 0) this.#started(run);
    if (before > 0 && run.livePods.size === 0) this.#allLive.ended(run);
  }

  #started(run: RunFacts): void {
    const live = [...this.runs.values()].filter(({ livePods }) => livePods.size > 0);
    this.mostLive = Math.max(this.mostLive, live.length);
    if (this.#maxRuns > 0 && live.length > this.#maxRuns) {
      this.violations.push(`${this.#cluster}: ${live.length} runs at once, its limit is ${this.#maxRuns}`);
    }
    this.#allLive.started(run);
  }
}

/** A container of the pod runs. */
export function isRunning(pod: FakeObject): boolean {
  const status = pod['status'] as { containerStatuses?: { state?: { running?: object } }[] } | undefined;
  return status?.containerStatuses?.some(({ state }) => state?.running !== undefined) ?? false;
}
