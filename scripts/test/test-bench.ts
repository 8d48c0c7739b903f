/** `npm run test:bench`: quick runs of the benchmarks, judged by what only a broken product would miss. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GUARDED_RUNS, type GuardedRun, judge, type MeasuredFigure } from './bench-guards.ts';
import { runCommand } from './command.ts';
import { closing, type Tally } from './tally.ts';

const BENCH = 'test/bench/bench.ts';
const SHOWN_LINES = 60;

async function runGuarded({ benchmark, only, guards }: GuardedRun, directory: string): Promise<Tally> {
  const startedAtMs = performance.now();
  const file = join(directory, `${benchmark}.json`);
  const steps = only.length === 0 ? [] : ['--only', only.join(',')];
  const { code, output } = await runCommand(process.execPath, [BENCH, benchmark, '--quick', ...steps, '--json', file]);
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(0);
  if (code !== 0) {
    const shown = output.trimEnd().split('\n').slice(-SHOWN_LINES).join('\n');
    process.stdout.write(`✗ ${benchmark} ended with ${code} (${seconds} s)\n${shown}\n`);
    return { passed: 0, failed: guards.length, failures: [`${benchmark} ended with ${code}`] };
  }
  const { results } = JSON.parse(readFileSync(file, 'utf8')) as { results: MeasuredFigure[] };
  const { tally, lines } = judge(guards, results);
  process.stdout.write(`${benchmark} (${seconds} s)\n${lines.map((line) => `  ${line}\n`).join('')}`);
  return tally;
}

async function main(): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'image-factory-bench-'));
  try {
    const tallies: Tally[] = [];
    for (const run of GUARDED_RUNS) tallies.push(await runGuarded(run, directory));
    const { text, exitCode } = closing(tallies);
    process.stdout.write(text);
    return exitCode;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

process.exitCode = await main();
