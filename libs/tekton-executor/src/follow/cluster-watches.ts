import { LABELS } from '@image-factory/domain';
import type { Clock } from '@image-factory/domain';
import { ListWatch } from '@image-factory/cluster-connectors';
import type { ClusterConnection, KubernetesObject, TableRow } from '@image-factory/cluster-connectors';
import type { Logger } from '@image-factory/telemetry';
import { KUBE_PATHS } from '../attempt/kube-paths.js';
import type { AttemptViews, WatchedObjects } from './attempt-views.js';
import { podView, runView, taskRunView } from './run-views.js';
import type { PodView, RunView, TaskRunView } from './run-views.js';

export interface ClusterWatchesOptions {
  readonly connection: ClusterConnection;
  readonly installationId: string;
  readonly shards: readonly number[];
  readonly views: AttemptViews;
  readonly onError: (error: Error) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Selects the objects of our installation on these shards (rule 1). */
export function shardSelector(installationId: string, shards: readonly number[]): string {
  return `${LABELS.installation}=${installationId},${LABELS.shard} in (${[...shards].sort((a, b) => a - b).join(',')})`;
}

/**
 * The three watches of one cluster for one set of shards: runs in Table form (a thirtieth of the bytes; the whole object
 * is read once, at the end), TaskRuns and pods whole, because their steps and containers decide.
 */
export class ClusterWatches {
  readonly connection: ClusterConnection;
  readonly #runs: ListWatch<RunView>;
  readonly #taskRuns: ListWatch<TaskRunView>;
  readonly #pods: ListWatch<PodView>;
  #ready = false;

  constructor(options: ClusterWatchesOptions) {
    const { connection, installationId, shards, views, onError, clock, logger } = options;
    this.connection = connection;
    const common = { connection, labelSelector: shardSelector(installationId, shards), onError, clock, logger };
    this.#runs = new ListWatch({
      ...common,
      path: KUBE_PATHS.pipelineRuns,
      form: 'table',
      project: runOf,
      onUpsert: (_key, run) => views.putRun(run),
      onDelete: (_key, last, object) => views.dropRun(lastRun(last, object)),
    });
    this.#taskRuns = new ListWatch({
      ...common,
      path: KUBE_PATHS.taskRuns,
      form: 'object',
      project: (object) => taskRunView(object),
      onUpsert: (_key, taskRun) => views.putTaskRun(taskRun),
      onDelete: (_key, last, object) => views.putTaskRun(object === undefined ? last : taskRunView(object)),
    });
    this.#pods = new ListWatch({
      ...common,
      path: KUBE_PATHS.pods,
      form: 'object',
      project: (object) => podView(object),
      onUpsert: (_key, pod) => views.putPod(pod),
      onDelete: (_key, last, object) =>
        views.putPod(object === undefined ? { ...last, gone: true, lastStateUnseen: true } : podView(object, true)),
    });
  }

  start(): void {
    for (const watch of this.#all()) watch.start();
  }

  /** True once every first list is in. */
  get isReady(): boolean {
    return this.#ready;
  }

  async ready(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#all().map((watch) => watch.ready(signal)));
    this.#ready = true;
  }

  /** Age of the slowest. */
  ageMs(): number {
    return Math.max(...this.#all().map((watch) => watch.ageMs()));
  }

  /** All that is known here now. */
  known(): WatchedObjects {
    const [runs, taskRuns, pods] = this.#all();
    return {
      runs: [...runs.items().values()],
      taskRuns: [...taskRuns.items().values()],
      pods: [...pods.items().values()],
    };
  }

  runs(): ReadonlyMap<string, RunView> {
    return this.#runs.items();
  }

  async close(): Promise<void> {
    await Promise.all(this.#all().map((watch) => watch.close()));
  }

  #all(): readonly [ListWatch<RunView>, ListWatch<TaskRunView>, ListWatch<PodView>] {
    return [this.#runs, this.#taskRuns, this.#pods];
  }
}

/** A row has the condition's status and reason as columns; its message and results are in the object only. */
function runOf(object: KubernetesObject, row?: TableRow): RunView {
  const view = runView(object);
  if (row === undefined) return view;
  const status = row['Succeeded'] === 'True' || row['Succeeded'] === 'False' ? row['Succeeded'] : 'Unknown';
  return { ...view, verdict: { status, reason: String(row['Reason'] ?? ''), message: '' } };
}

/** The deletion's own object when it is whole, else what was known. */
function lastRun(last: RunView, object: KubernetesObject | undefined): RunView {
  return object?.['status'] === undefined ? last : runView(object);
}
