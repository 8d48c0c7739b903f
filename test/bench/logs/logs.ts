import { makeDatabase } from '../database/make-database.ts';
import { startPostgres } from '../database/start-postgres.ts';
import { runSteps } from '../measure/step.ts';
import { BuildWorld } from '../queue/build-world.ts';
import { SERVER_SETTINGS, versions } from '../queue/queue.ts';
import type { BenchmarkOptions, BenchmarkRun } from '../report.ts';
import { measureIngest } from './ingest.ts';
import { measureRetention } from './retention.ts';
import { measureTail } from './tail.ts';

export interface LogsBench {
  readonly quick: boolean;
  readonly rounds: number;
  /** Lines whose end is measured: ten times the backlog, and ten million at least. */
  readonly retainedLines: number;
  readonly serverUrl: string;
  world(name: string): Promise<BuildWorld>;
  database(name: string): Promise<string>;
}

/** Logs: writing, telling 500 clients, and forgetting (B12, B13). */
export async function logsBenchmark(options: BenchmarkOptions): Promise<BenchmarkRun> {
  const server = await startPostgres(SERVER_SETTINGS);
  const bench: LogsBench = {
    quick: options.quick,
    rounds: options.quick ? 3 : 5,
    retainedLines: Math.max(10_000_000, 10 * options.backlog),
    serverUrl: server.url,
    world: (name) => BuildWorld.open(server.url, name),
    database: (name) => makeDatabase(server.url, name),
  };
  try {
    const measured = await runSteps(options, [
      {
        id: 'B12',
        title: 'writing',
        rows: ['B12-rows', 'B12-copy', 'B12-disk', 'B12-wal'],
        run: () => measureIngest(bench),
      },
      {
        id: 'B12-tail',
        title: '500 clients that follow',
        rows: ['B12-tail', 'B12-told', 'B12-notify'],
        run: () => measureTail(bench),
      },
      { id: 'B13', title: 'retention', run: () => measureRetention(bench) },
    ]);
    return { versions: await versions(server.url), ...measured };
  } finally {
    await server.stop();
  }
}
