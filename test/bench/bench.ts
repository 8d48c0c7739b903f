import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { mainBenchmark } from './main/main.ts';
import { connectBenchmark } from './connect/connect.ts';
import { fleetBenchmark } from './fleet/fleet.ts';
import { latencyBenchmark } from './latency/latency.ts';
import { logsBenchmark } from './logs/logs.ts';
import { queueBenchmark } from './queue/queue.ts';
import {
  describeMachine,
  NOTE,
  printReport,
  type BenchmarkOptions,
  type BenchmarkReport,
  type BenchmarkRun,
} from './report.ts';
import { pressureBenchmark } from './pressure/pressure.ts';
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
if (benchmark === undefined) {
  process.stderr.write(
    `usage: npm run bench -- NAME [--quick] [--only ID,ID] [--backlog N] [--builds N] [--minutes N] [--json FILE]\nNAME is one of: ${Object.keys(BENCHMARKS).join(', ')}\n`,
  );
  process.exitCode = 2;
} else {
  const only = values.only?.split(',') ?? [];
  const backlog = Number(values.backlog ?? (values.quick ? 10_000 : 1_000_000));
  const builds = Number(values.builds ?? (values.quick ? 2_000 : 50_000));
  const minutes = Number(values.minutes ?? (values.quick ? 0.1 : 10));
  const run = await benchmark({ quick: values.quick, only, backlog, builds, minutes });
  const report: BenchmarkReport = {
    name,
    machine: describeMachine(),
    versions: { node: process.version, ...run.versions },
    command: `npm run bench -- ${process.argv.slice(2).join(' ')}`,
    note: run.note === undefined ? NOTE : `${NOTE} ${run.note}`,
    results: run.results,
  };
  printReport(report);
  if (values.json !== undefined) {
    const whole = only.length > 0 ? withKept(values.json, report) : report;
    writeFileSync(values.json, `${JSON.stringify(whole, undefined, 2)}\n`);
  }
}

/** Steps that were run alone replace what they measured before, and leave the other steps' figures in the file. */
function withKept(file: string, report: BenchmarkReport): BenchmarkReport {
  if (!existsSync(file)) return report;
  const before = JSON.parse(readFileSync(file, 'utf8')) as BenchmarkReport;
  if (before.name !== report.name) return report;
  const measured = new Set(report.results.map(({ id }) => id));
  const kept = before.results.filter(({ id }) => !measured.has(id));
  const commands = new Set([...before.command.split(' && '), report.command]);
  return { ...report, command: [...commands].join(' && '), results: [...kept, ...report.results] };
}
