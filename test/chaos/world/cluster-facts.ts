import { LABELS } from '@image-factory/domain';
import type { FakeObject } from '@image-factory/test-support';
import type { BuildPlan } from '../load/build-plan.ts';
import type { LiveRuns } from './live-runs.ts';

/** One PipelineRun that was ever created, with what its pods have done. */
export interface RunFacts {
  readonly name: string;
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
}

/**
 * What a cluster itself knows, kept apart from all that the product writes. Rules that must hold at every moment are
 * checked at every event: one run per attempt, none while a pod of an earlier attempt lives, the cluster's limit, and what
 * `LiveRuns` counts over all clusters. A run lives as long as a container of it does, whatever Tekton says of it.
 */
export class ClusterFacts {
  /** The run of each name that ever started. */
  readonly runs = new Map<string, RunFacts>();
  readonly violations: string[] = [];
  /** Runs of a frozen dispatcher that were created after their attempt had ended: without its Secret they never start. */
  lateRuns = 0;
  mostLive = 0;
  readonly #cluster: string;
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
      uid,
      buildId: labels[LABELS.build] ?? '',
      attempt: Number(labels[LABELS.attempt] ?? '0'),
      tenantId: labels[LABELS.tenant] ?? '',
      plan,
      stepsStarted: new Set(),
      printed: new Map(),
      livePods: new Set(),
    };
    if (!hasSecret) this.lateRuns += 1;
    else if (this.runs.has(name))
      this.violations.push(`${this.#cluster}: run ${name} was created twice, and could start`);
    else this.runs.set(name, run);
    if (hasSecret) this.#allLive.created(run);
    return run;
  }

  /** A pod of the run has changed, or is gone. */
  podChanged(run: RunFacts, pod: FakeObject, deleted: boolean): void {
    const before = run.livePods.size;
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
