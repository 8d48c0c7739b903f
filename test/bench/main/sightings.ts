import type { KubeItem, TestCluster } from '../../e2e/support/cluster.ts';
import { KubeWatch } from './kube-watch.ts';

interface State {
  readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  readonly containerStatuses?: readonly { readonly name: string; readonly state?: Record<string, unknown> }[];
}

/** When the API server first showed what the product is to react to, in milliseconds of the wall clock. */
export class Sightings {
  /** End of a run, by its name. */
  readonly runEnded = new Map<string, number>();
  /** Start of a step's container, by `<run>/<task>/<step>`. */
  readonly stepStarted = new Map<string, number>();
  #watches: KubeWatch[] = [];

  static async open(cluster: TestCluster): Promise<Sightings> {
    const sightings = new Sightings();
    sightings.#watches = [
      await KubeWatch.open(cluster, '/apis/tekton.dev/v1/pipelineruns', (run, at) => sightings.#run(run, at)),
      await KubeWatch.open(cluster, '/api/v1/pods', (pod, at) => sightings.#pod(pod, at)),
    ];
    return sightings;
  }

  async close(): Promise<void> {
    await Promise.all(this.#watches.map((watch) => watch.close()));
  }

  #run(run: KubeItem, at: number): void {
    const ended = ((run.status as State | undefined)?.conditions ?? []).some(
      (condition) => condition.type === 'Succeeded' && condition.status !== 'Unknown',
    );
    if (ended) keepFirst(this.runEnded, run.metadata.name, at);
  }

  #pod(pod: KubeItem, at: number): void {
    const labels = pod.metadata.labels ?? {};
    for (const { name, state = {} } of (pod.status as State | undefined)?.containerStatuses ?? []) {
      if (!('running' in state) && !('terminated' in state)) continue;
      const step = name.replace(/^step-/, '');
      const key = `${labels['tekton.dev/pipelineRun'] ?? ''}/${labels['tekton.dev/pipelineTask'] ?? ''}/${step}`;
      keepFirst(this.stepStarted, key, at);
    }
  }
}

function keepFirst(map: Map<string, number>, key: string, at: number): void {
  if (!map.has(key)) map.set(key, at);
}
