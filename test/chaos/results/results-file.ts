import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CrossingAction } from '../process/crossing.ts';
import type { RoundResult } from '../run-round.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const FILE = fileURLToPath(new URL('./results.json', import.meta.url));

interface PointCount {
  struck: number;
  /** Struck in a round that broke an invariant. */
  failed: number;
  missed: number;
}

interface Sum {
  struck: number;
  failed: number;
  rounds: number;
  builds: number;
  /** Of all rounds, of which several may have run at once. */
  seconds: number;
}

interface Results extends Sum {
  /** The seed after the last that was run. */
  nextSeed: number;
  /** By version of what was struck at, oldest first. */
  versions: Record<string, Sum>;
  /** Seeds of rounds that broke an invariant, with what. */
  failures: { version: string; seed: number; only?: readonly string[]; violations: readonly string[] }[];
  points: Record<string, PointCount>;
}

const NOTHING: Sum = { struck: 0, failed: 0, rounds: 0, builds: 0, seconds: 0 };
const EMPTY: Results = { ...NOTHING, nextSeed: 1, versions: {}, failures: [], points: {} };
const KEPT_VIOLATIONS = 10;
/** What a round strikes at. */
const PRODUCT = ['apps/dispatcher', 'libs', 'migrations'];

/**
 * Counts of all runs so far, kept beside the suite; each round is added when it is over. In CI the file is only read: it says
 * which seed comes next, so that one checkout strikes the same points whoever runs it.
 */
export class ResultsFile {
  readonly results: Results = existsSync(FILE)
    ? (JSON.parse(readFileSync(FILE, 'utf8')) as Results)
    : structuredClone(EMPTY);

  readonly #kept = process.env['CI'] === undefined;
  readonly #version = productVersion();

  /** A round that waited for chosen crossings alone leaves its seed for one that waits for all. */
  add(round: RoundResult, only: readonly string[]): void {
    const { results } = this;
    const failed = round.violations.length > 0;
    for (const sum of [results, (results.versions[this.#version] ??= { ...NOTHING })]) {
      sum.struck += round.struck.length;
      sum.failed += failed ? round.struck.length : 0;
      sum.rounds += 1;
      sum.builds += round.builds;
      sum.seconds = Math.round(sum.seconds + round.seconds);
    }
    if (only.length === 0) results.nextSeed = Math.max(results.nextSeed, round.seed + 1);
    if (failed) {
      const violations = round.violations.slice(0, KEPT_VIOLATIONS);
      const chosen = only.length === 0 ? {} : { only };
      results.failures.push({ version: this.#version, seed: round.seed, ...chosen, violations });
    }
    for (const name of round.struck) {
      this.#point(name).struck += 1;
      if (failed) this.#point(name).failed += 1;
    }
    for (const name of round.missed) this.#point(name).missed += 1;
    const points = Object.fromEntries(Object.entries(results.points).sort(([a], [b]) => (a < b ? -1 : 1)));
    if (!this.#kept) return;
    writeFileSync(FILE, `${JSON.stringify({ ...results, points }, undefined, 2)}\n`);
  }

  /** Of all runs in a sentence. */
  summary(): string {
    const { struck, rounds, failed, versions } = this.results;
    const ofThis = versions[this.#version]?.struck ?? 0;
    const rules = `${failed} of them in rounds that broke a rule; ${ofThis} on this version (${this.#version})`;
    return `Over all runs: ${struck} points in ${rounds} rounds (${this.#kinds()}), ${rules}.`;
  }

  /** How many points of each kind have struck; a crossing's begins with what was done there. */
  #kinds(): string {
    const counts = { kill: 0, cut: 0, freeze: 0, other: 0 };
    for (const [name, { struck }] of Object.entries(this.results.points)) {
      const kind = /^(kill|cut|freeze) at /.exec(name)?.[1] as CrossingAction | undefined;
      counts[kind ?? 'other'] += struck;
    }
    return `${counts.kill} kills, ${counts.cut} cuts and ${counts.freeze} freezes at crossings, ${counts.other} others`;
  }

  #point(name: string): PointCount {
    return (this.results.points[name] ??= { struck: 0, failed: 0, missed: 0 });
  }
}

/** The last commit that changed what is struck at; with a `+` when there are changes that are not committed. */
function productVersion(): string {
  const git = (...words: string[]): string =>
    spawnSync('git', [...words, '--', ...PRODUCT], { cwd: ROOT, encoding: 'utf8' }).stdout.trim();
  const commit = git('log', '-1', '--format=%h', '--abbrev=12');
  if (commit === '') return 'unknown';
  return git('status', '--porcelain') === '' ? commit : `${commit}+`;
}
