import { cpuMs, familyCpuMs, parentOf } from '../measure/cpu-time.ts';
import { toResult, type MeasuredResult } from '../report.ts';
import type { BuildWorld } from '../queue/build-world.ts';
import type { Clusters } from './clusters.ts';
import type { ProductProcess } from './product-process.ts';

interface CpuUse {
  readonly dispatchers: number;
  readonly postgres: number;
  readonly clusters: number;
}

/**
 * Who uses how much of the processors for a build. A rate of builds on a shared machine says little about another
 * machine; what a build costs its dispatcher does.
 */
export class DrainCpu {
  readonly #read: () => Promise<CpuUse>;
  readonly #before: CpuUse;

  private constructor(read: () => Promise<CpuUse>, before: CpuUse) {
    this.#read = read;
    this.#before = before;
  }

  static async start(world: BuildWorld, dispatchers: readonly ProductProcess[], clusters: Clusters): Promise<DrainCpu> {
    const server = await parentOf(await world.number('SELECT pg_backend_pid() AS n'));
    const read = async (): Promise<CpuUse> => {
      let sumMs = 0;
      for (const { pid } of dispatchers) sumMs += await cpuMs(pid);
      return { dispatchers: sumMs, postgres: await familyCpuMs(server), clusters: await cpuMs(clusters.pid) };
    };
    return new DrainCpu(read, await read());
  }

  /** Of the builds that have ended since the start. */
  async perBuild(builds: number): Promise<MeasuredResult[]> {
    const after = await this.#read();
    const of = (key: keyof CpuUse): number => (after[key] - this.#before[key]) / Math.max(1, builds);
    const row = (id: string, who: string, value: number): MeasuredResult =>
      toResult({ id, title: `processor time per build, ms: ${who}`, samples: [value], q: 0.5 });
    return [
      row('drain-cpu', 'the dispatchers (what one build costs one dispatcher)', of('dispatchers')),
      row('drain-cpu-postgres', 'PostgreSQL', of('postgres')),
      row('drain-cpu-clusters', 'the fake clusters, which are no part of the product', of('clusters')),
    ];
  }
}
