import { awaitQuiet } from './check/await-quiet.ts';
import { checkAcknowledged, checkEnds, checkRows } from './check/check-ends.ts';
import { checkAllowances } from './check/check-allowances.ts';
import { checkInvariants } from './check/check-invariants.ts';
import { checkLogs } from './check/check-logs.ts';
import { checkProcesses } from './check/check-processes.ts';
import { checkSight } from './check/check-sight.ts';
import { LimitWatch } from './check/watch-limits.ts';
import type { Fault } from './fault/fault.ts';
import { BuildLoad } from './load/build-load.ts';
import { Random } from './schedule/random.ts';
import { strikeAll } from './strike-all.ts';
import type { ChaosPostgres } from './world/chaos-postgres.ts';
import { ChaosWorld } from './world/chaos-world.ts';

/** What is lost stays lost: a machine that is slow must not look like it. */
const QUIET_WITHIN_MS = 180_000;

export interface RoundResult {
  readonly seed: number;
  readonly struck: readonly string[];
  readonly missed: readonly string[];
  readonly violations: readonly string[];
  readonly builds: number;
  readonly lateRuns: number;
  /** Of steps, of which something is missing, or may be. */
  readonly logsWithGaps: number;
  /** Limits of tenants, projects and the installation that as much ran under as may. Some round of a run reaches some. */
  readonly limitsReached: number;
  readonly seconds: number;
  /** Where the time went: until all dispatchers worked, until the last point, until all was quiet. */
  readonly spent: { readonly opening: number; readonly striking: number; readonly settling: number };
  /** What each process said last, for a round that failed. */
  readonly said: string;
}

/** One round: load, faults until so many have struck, quiet, then every invariant. */
export async function runRound(
  postgres: ChaosPostgres,
  seed: number,
  points: number,
  schedule: Iterator<Fault, never>,
): Promise<RoundResult> {
  const clock = new StopWatch();
  const world = await ChaosWorld.open(postgres);
  try {
    const load = new BuildLoad(world, new Random(seed ^ 0x5eed));
    const limits = new LimitWatch(world);
    await Promise.all(world.dispatchers.map((one) => one.working));
    const opening = clock.lap();
    const strikes = await strikeAll(world, seed, points, schedule);
    const { struck, missed } = strikes;
    const striking = clock.lap();
    await load.stop();
    let logsWithGaps = 0;
    const violations = await awaitQuiet(world, QUIET_WITHIN_MS);
    await limits.stop();
    const lateRuns = world.clusters.reduce((sum, { facts, madeLate }) => sum + facts.lateRuns - madeLate, 0);
    if (violations.length === 0) {
      const logs = await checkLogs(world);
      logsWithGaps = logs.withGaps;
      violations.push(...(await checkEnds(world)), ...logs.violations, ...(await checkInvariants(world)));
    }
    violations.push(...(await checkAcknowledged(world, load.acknowledged)), ...(await checkRows(world)));
    violations.push(...checkProcesses(world, strikes), ...limits.violations);
    violations.push(...(await checkSight(world, limits)));
    violations.push(...checkAllowances(strikes, { opening, lateRuns, logsWithGaps }));
    const settling = clock.lap();
    return {
      seed,
      struck,
      missed,
      violations,
      builds: world.plans.length,
      lateRuns,
      logsWithGaps,
      limitsReached: world.live.reached.size,
      seconds: opening + striking + settling,
      spent: { opening, striking, settling },
      said: violations.length === 0 ? '' : saidBy(world),
    };
  } finally {
    await world.close();
  }
}

/** Seconds from lap to lap. */
class StopWatch {
  #atMs = performance.now();

  lap(): number {
    const seconds = (performance.now() - this.#atMs) / 1000;
    this.#atMs += seconds * 1000;
    return seconds;
  }
}

function saidBy(world: ChaosWorld): string {
  return world.everStarted.flatMap((process) => process.lines.map((line) => `${process.name} ${line.text}`)).join('\n');
}
