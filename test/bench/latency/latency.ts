import { startPostgres } from '../database/start-postgres.ts';
import { runSteps } from '../measure/step.ts';
import { SERVER_SETTINGS, versions } from '../queue/queue.ts';
import type { BenchmarkOptions, BenchmarkRun } from '../report.ts';
import { measurePickUpLatency } from './pick-up.ts';

/** From the submission of a build to its claim by a dispatcher process, idle and under load (B7). */
export async function latencyBenchmark(options: BenchmarkOptions): Promise<BenchmarkRun> {
  const server = await startPostgres(SERVER_SETTINGS);
  try {
    const measured = await runSteps(options, [
      {
        id: 'B7',
        title: 'pick-up latency',
        run: () => measurePickUpLatency({ serverUrl: server.url, quick: options.quick, rounds: options.quick ? 2 : 5 }),
      },
    ]);
    return { versions: await versions(server.url), ...measured };
  } finally {
    await server.stop();
  }
}
