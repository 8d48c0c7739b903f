import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { mainBenchmark } from './main/main.ts';
import { pressureBenchmark } from './pressure/pressure.ts';
import { describeMachine, printReport, type BenchmarkReport, type BenchmarkRun } from './report.ts';

const BENCHMARKS: Readonly<Record<string, (options: { quick: boolean }) => Promise<BenchmarkRun>>> = {
  main: mainBenchmark,
  pressure: pressureBenchmark,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'string' }, quick: { type: 'boolean', default: false } },
});
const name = positionals[0] ?? '';
const benchmark = BENCHMARKS[name];
if (benchmark === undefined) {
  process.stderr.write(
    `usage: npm run bench -- NAME [--quick] [--json FILE]\nNAME is one of: ${Object.keys(BENCHMARKS).join(', ')}\n`,
  );
  process.exitCode = 2;
} else {
  const run = await benchmark({ quick: values.quick });
  const report: BenchmarkReport = {
    name,
    machine: describeMachine(),
    versions: { node: process.version, ...run.versions },
    command: `npm run bench -- ${name}${values.quick ? ' --quick' : ''}`,
    results: run.results,
  };
  printReport(report);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
}
