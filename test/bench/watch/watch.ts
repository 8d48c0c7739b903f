import { runSteps } from '../measure/step.ts';
import type { BenchmarkOptions, BenchmarkRun } from '../report.ts';
import { measureWatchedRuns } from './followed-runs.ts';
import { measureWatchBackOff } from './watch-back-off.ts';
import { measureWatchFaults } from './watch-faults.ts';

/** The product's list-watch beside client-node's informer, on fake API servers over real HTTP (B14, B15). */
export async function watchBenchmark(options: BenchmarkOptions): Promise<BenchmarkRun> {
  const measured = await runSteps(options, [
    {
      id: 'B14',
      title: 'memory and processor time of watched runs',
      run: () => measureWatchedRuns({ quick: options.quick, rounds: options.quick ? 2 : 5 }),
    },
    {
      id: 'B15',
      title: 'faults of a watch',
      run: async () => [
        ...(await measureWatchFaults({ quick: options.quick })),
        ...(await measureWatchBackOff({ quick: options.quick })),
      ],
    },
  ]);
  return { versions: { '@kubernetes/client-node': '2.0.1' }, ...measured };
}
