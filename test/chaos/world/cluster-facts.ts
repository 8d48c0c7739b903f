import { LABELS } from '@image-factory/domain';
import type { FakeObject } from '@image-factory/test-support';
import type { BuildPlan } from '../load/build-plan.ts';

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
  live: boolean;
}

/**
 * What a cluster itself knows, kept apart from all that the product writes. Rules that must hold at every moment are
 * checked at every event: one run per attempt, one live run per build, the cluster's limit.
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

  constructor(cluster: string, maxRuns: number) {
    this.#cluster = cluster;
    this.#maxRuns = maxRuns;
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
      live: false,
    };
    if (!hasSecret) this.lateRuns += 1;
    else if (this.runs.has(name))
      this.violations.push(`${this.#cluster}: run ${name} was created twice, and could start`);
    else this.runs.set(name, run);
    return run;
  }

  /** A step of it runs. */
  started(run: RunFacts): void {
    if (run.live) return;
    run.live = true;
    const live = [...this.runs.values()].filter((one) => one.live);
    this.mostLive = Math.max(this.mostLive, live.length);
    if (this.#maxRuns > 0 && live.length > this.#maxRuns) {
      this.violations.push(`${this.#cluster}: ${live.length} runs at once, its limit is ${this.#maxRuns}`);
    }
    const twins = live.filter((one) => one.buildId === run.buildId);
    if (twins.length > 1)
      this.violations.push(`${this.#cluster}: build ${run.buildId} runs ${twins.length} times at once`);
  }

  changed(object: FakeObject, deleted: boolean): void {
    const run = this.runs.get(object.metadata.name);
    if (run?.uid !== object.metadata.uid || run === undefined) return;
    const status = object['status'] as { conditions?: { status: string }[] } | undefined;
    if (deleted || ['True', 'False'].includes(status?.conditions?.[0]?.status ?? '')) run.live = false;
  }
}
