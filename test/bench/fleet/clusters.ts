import { fork, type ChildProcess } from 'node:child_process';

export interface ClusterOptions {
  readonly count: number;
  /** Of every request: the first cluster's, and the last one's. */
  readonly latencyMs: readonly [number, number];
  /** How long a run takes on average once it is taken up, from half to one and a half of it; 0: it ends at once. */
  readonly runMs: number;
  /** Runs never end. */
  readonly hangs: boolean;
  /** Every n-th create of a run fails by the cluster's fault; 0: none. */
  readonly injectEvery: number;
  /** The pod of every n-th run is evicted, in its build's first attempt; 0: none. */
  readonly evictEvery: number;
  /** Every n-th run fails by its user's fault; 0: none. */
  readonly userErrorEvery: number;
}

export type ClusterOrder =
  | { readonly kind: 'report' }
  | { readonly kind: 'black-hole'; readonly count: number }
  | { readonly kind: 'end'; readonly every: number }
  | ({ readonly kind: 'stir' } & Stirring);

/** Changes of the runs that hang. */
export interface Stirring {
  readonly perSecond: number;
  /** Every so many-th change is the end of a run; all others say how far one is. */
  readonly endEvery: number;
  readonly forMs: number;
}

export interface ClusterReport {
  /** Requests that changed something. */
  readonly writes: number;
  /** Those of them that made a tenant's namespace ready, once on each cluster. */
  readonly preparations: number;
  /** Namespaces that were made. */
  readonly namespaces: number;
  readonly created: number;
  /** Runs that were made twice under one name, on whichever clusters. */
  readonly duplicates: number;
  /** Failures by a cluster's fault. */
  readonly injected: number;
  /** Builds that met one of them or more. */
  readonly struck: string[];
  /** Builds that fail by their user's fault, and meet none. */
  readonly broken: string[];
  /** Milliseconds of the wall clock by run's name. */
  readonly ended: Record<string, number>;
}

export const QUIET_CLUSTERS: ClusterOptions = {
  count: 1,
  latencyMs: [0, 0],
  runMs: 0,
  hangs: false,
  injectEvery: 0,
  evictEvery: 0,
  userErrorEvery: 0,
};

/** Fake clusters in a process of their own. */
export class Clusters {
  readonly configs: readonly Record<string, string>[];
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, configs: readonly Record<string, string>[]) {
    this.#child = child;
    this.configs = configs;
  }

  static async start(options: Partial<ClusterOptions>): Promise<Clusters> {
    const child = fork(
      new URL('./cluster-process.ts', import.meta.url),
      [JSON.stringify({ ...QUIET_CLUSTERS, ...options })],
      {
        execArgv: ['--max-old-space-size=4096'],
      },
    );
    process.once('exit', () => child.kill('SIGKILL'));
    const { configs } = await hear<{ configs: Record<string, string>[] }>(child, 'ready');
    return new Clusters(child, configs);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async report(): Promise<ClusterReport> {
    const heard = hear<ClusterReport>(this.#child, 'report');
    this.#child.send({ kind: 'report' } satisfies ClusterOrder);
    return heard;
  }

  /** The first so many clusters take connections and never answer from now on; all others do, also those that did not. */
  blackHole(count: number): void {
    this.#child.send({ kind: 'black-hole', count } satisfies ClusterOrder);
  }

  /** Every n-th run that hangs succeeds now; gives how many that were. */
  async end(every: number): Promise<number> {
    const heard = hear<{ count: number }>(this.#child, 'ended');
    this.#child.send({ kind: 'end', every } satisfies ClusterOrder);
    return (await heard).count;
  }

  /** @returns how many ended. @throws Error when the clusters were too slow for the rate */
  async stir(stirring: Stirring): Promise<number> {
    const heard = hear<{ tookMs: number; ends: number }>(this.#child, 'stirred');
    this.#child.send({ kind: 'stir', ...stirring } satisfies ClusterOrder);
    const { tookMs, ends } = await heard;
    if (tookMs > stirring.forMs * 1.1) throw new Error(`${tookMs} ms went by for the events of ${stirring.forMs} ms`);
    return ends;
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}

function hear<T>(child: ChildProcess, kind: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void => reject(new Error(`the clusters ended with ${code}`));
    const onMessage = (message: { kind: string }): void => {
      if (message.kind !== kind) return;
      child.off('message', onMessage);
      child.off('exit', onExit);
      resolve(message as T);
    };
    child.on('message', onMessage);
    child.once('exit', onExit);
  });
}
