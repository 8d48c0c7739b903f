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
  live: boolean;
}

/**
 * What a cluster itself knows, kept apart from all that the product writes. Rules that must hold at every moment are
 * checked at every event: one run per attempt, the cluster's limit, and what `LiveRuns` counts over all clusters.
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
    this.#allLive.started(run);
  }

  changed(object: FakeObject, deleted: boolean): void {
    const run = this.runs.get(object.metadata.name);
    if (run?.uid !== object.metadata.uid || run === undefined) return;
    const status = object['status'] as { conditions?: { status: string }[] } | undefined;
    if (!deleted && !['True', 'False'].includes(status?.conditions?.[0]?.status ?? '')) return;
    run.live = false;
    this.#allLive.ended(run);
  }
}
