/** `npm run test:chaos -- [--points N] [--seed S] [--census]`; see CONTRIBUTING.md. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ResultsFile } from './results/results-file.ts';
import { type RoundResult, runRound } from './run-round.ts';
import { crossingFaults, OTHER_FAULTS, readCrossings, writeCrossings } from './schedule/fault-table.ts';
import { makeSchedule, POINTS_PER_ROUND } from './schedule/make-schedule.ts';
import { takeCensus } from './take-census.ts';
import { ChaosPostgres } from './world/chaos-postgres.ts';

const LOGS = fileURLToPath(new URL('../../.image-factory/chaos/', import.meta.url));
const SHOWN = 12;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function readOptions(): { points: number; seed: number | undefined; census: boolean } {
  const { values } = parseArgs({
    options: { points: { type: 'string' }, seed: { type: 'string' }, census: { type: 'boolean', default: false } },
  });
  const whole = (name: 'points' | 'seed', least: number): number | undefined => {
    const text = values[name];
    if (text === undefined) return undefined;
    if (/^\d{1,9}$/.test(text) && Number(text) >= least) return Number(text);
    throw new Error(`--${name} must be a whole number from ${least}`);
  };
  return { points: whole('points', 1) ?? 100, seed: whole('seed', 0), census: values.census };
}

function tell(round: RoundResult): void {
  const { seed, struck, missed, violations, builds, lateRuns, limitsReached, seconds, spent } = round;
  const counts = `${struck.length} points (${missed.length} missed), ${builds} builds, ${limitsReached} limits reached, ${lateRuns} late runs`;
  const parts = Object.entries(spent).map(([name, part]) => `${name} ${part.toFixed(0)}`);
  say(
    `seed ${seed}: ${counts}, ${seconds.toFixed(1)} s (${parts.join(', ')}): ${violations.length === 0 ? 'ok' : 'BROKEN'}`,
  );
  if (violations.length === 0) return;
  for (const violation of violations.slice(0, SHOWN)) say(`  ${violation}`);
  if (violations.length > SHOWN) say(`  and ${violations.length - SHOWN} more`);
  mkdirSync(LOGS, { recursive: true });
  const log = `${LOGS}seed-${seed}.log`;
  const story = [...violations, '', ...struck.map((name) => `struck: ${name}`), '', round.said];
  writeFileSync(log, story.join('\n'));
  say(`  faults in order: ${struck.join('; ')}`);
  say(`  what the dispatchers said: ${log}`);
  say(`  again: npm run test:chaos -- --points ${POINTS_PER_ROUND} --seed ${seed}`);
}

async function main(): Promise<number> {
  const options = readOptions();
  const postgres = await ChaosPostgres.start();
  try {
    if (options.census) {
      say(`${writeCrossings(await takeCensus(postgres))} crossings written`);
      return 0;
    }
    const results = new ResultsFile();
    const crossings = crossingFaults(readCrossings());
    let seed = options.seed ?? results.results.nextSeed;
    let passed = 0;
    let failed = 0;
    const broken: string[] = [];
    for (let left = options.points; left > 0; seed += 1) {
      const points = Math.min(left, POINTS_PER_ROUND);
      const round = await runRound(postgres, seed, points, makeSchedule(seed, crossings, OTHER_FAULTS));
      results.add(round);
      tell(round);
      if (round.violations.length === 0) passed += round.struck.length;
      else failed += Math.max(1, round.struck.length);
      broken.push(...round.violations.slice(0, SHOWN).map((violation) => `  seed ${seed}: ${violation}`));
      left -= Math.max(1, round.struck.length);
    }
    // Once more, for a long output is often kept only by its end.
    if (broken.length > 0) say(['', 'Failed:', ...broken, ''].join('\n'));
    const { struck, failed: failedEver, rounds } = results.results;
    say(`Over all runs: ${struck} points in ${rounds} rounds, ${failedEver} of them in rounds that broke a rule.`);
    say(`${passed} passed, ${failed} failed`);
    return failed === 0 && passed > 0 ? 0 : 1;
  } finally {
    await postgres.stop();
  }
}

process.exitCode = await main();
