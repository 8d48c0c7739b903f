import type { Random } from '../schedule/random.ts';

/** What one build of the load does, decided by the seed; its branch carries the number to the cluster. */
export interface BuildPlan {
  readonly index: number;
  readonly ending: 'succeeds' | 'fails' | 'cancelled';
  /** Lines of each of the two steps. */
  readonly lines: readonly [number, number];
  /** Milliseconds that each step runs. */
  readonly runMs: readonly [number, number];
  /** After its submission; only of those to be cancelled. */
  readonly cancelAfterMs: number;
  readonly priority: number;
}

export function makePlan(index: number, random: Random): BuildPlan {
  const roll = random.next();
  return {
    index,
    ending: roll < 0.7 ? 'succeeds' : roll < 0.82 ? 'fails' : 'cancelled',
    lines: [random.integer(0, 20), random.integer(1, 200)],
    runMs: [random.integer(0, 150), random.integer(50, 900)],
    cancelAfterMs: random.integer(0, 2_000),
    priority: random.integer(0, 3),
  };
}

export function branchOf(plan: BuildPlan): string {
  return `chaos-${plan.index}`;
}

/** One printed line, of any bytes that a build may print. */
export function lineOf(plan: BuildPlan, step: number, line: number): Buffer {
  if (line % 17 === 5) return Buffer.from([0x62, 0xff, 0xc3, 0x28, 0x0d, 0x61]);
  if (line % 23 === 7) return Buffer.alloc(0);
  return Buffer.from(`build ${plan.index} step ${step} line ${line} ${'é'.repeat(line % 40)}`);
}
