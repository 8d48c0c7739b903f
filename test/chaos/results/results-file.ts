import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { RoundResult } from '../run-round.ts';

const FILE = fileURLToPath(new URL('./results.json', import.meta.url));

interface PointCount {
  struck: number;
  /** Struck in a round that broke an invariant. */
  failed: number;
  missed: number;
}

interface Results {
  struck: number;
  failed: number;
  rounds: number;
  builds: number;
  seconds: number;
  /** The seed after the last that was run. */
  nextSeed: number;
  /** Seeds of rounds that broke an invariant, with what. */
  failures: { seed: number; violations: readonly string[] }[];
  points: Record<string, PointCount>;
}

const EMPTY: Results = {
  struck: 0,
  failed: 0,
  rounds: 0,
  builds: 0,
  seconds: 0,
  nextSeed: 1,
  failures: [],
  points: {},
};
const KEPT_VIOLATIONS = 10;

/**
 * Counts of all runs so far of this version, kept beside the suite; each round is added when it is over. In CI the file is
 * only read: it says which seed comes next, so that one checkout strikes the same points whoever runs it.
 */
export class ResultsFile {
  readonly results: Results = existsSync(FILE)
    ? (JSON.parse(readFileSync(FILE, 'utf8')) as Results)
    : structuredClone(EMPTY);

  readonly #kept = process.env['CI'] === undefined;

  add(round: RoundResult): void {
    const { results } = this;
    const failed = round.violations.length > 0;
    results.struck += round.struck.length;
    results.failed += failed ? round.struck.length : 0;
    results.rounds += 1;
    results.builds += round.builds;
    results.seconds = Math.round(results.seconds + round.seconds);
    results.nextSeed = Math.max(results.nextSeed, round.seed + 1);
    if (failed) results.failures.push({ seed: round.seed, violations: round.violations.slice(0, KEPT_VIOLATIONS) });
    for (const name of round.struck) {
      this.#point(name).struck += 1;
      if (failed) this.#point(name).failed += 1;
    }
    for (const name of round.missed) this.#point(name).missed += 1;
    const points = Object.fromEntries(Object.entries(results.points).sort(([a], [b]) => (a < b ? -1 : 1)));
    if (!this.#kept) return;
    writeFileSync(FILE, `${JSON.stringify({ ...results, points }, undefined, 2)}\n`);
  }

  #point(name: string): PointCount {
    return (this.results.points[name] ??= { struck: 0, failed: 0, missed: 0 });
  }
}
