import type { Concurrency, ConcurrencyPolicy } from '@image-factory/domain';
import type { Random } from '../schedule/random.ts';
import { type ProjectName, TENANTS } from './limits.ts';

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
  /** So many attempts lose their pod while they build; the one after them ends as planned. */
  readonly disruptions: number;
  /** As the pod's condition names it; or somebody deletes the run, with all that belongs to it. */
  readonly disruption: 'EvictionByEvictionAPI' | 'DeletionByTaintManager' | 'RunDeleted';
  /** So long the first pod of each attempt waits before its container starts. */
  readonly waitsMs: number;
  /** So long a pod of it stays in deletion, with its container running on. */
  readonly lingerMs: number;
  readonly priority: number;
  readonly project: ProjectName;
  readonly concurrency: Concurrency | undefined;
}

/** Some pods wait for longer than it takes until somebody asks for their events. */
const WAITS = { ms: 4_500, share: 0.06 };
const DISRUPTED = 0.15;
const DISRUPTED_TWICE = 0.03;
/** Most pods end soon; some stay for longer than an attempt's pods are waited for before they are removed. */
const LINGERS = { usuallyMs: 400, seldomMs: 3_500, seldom: 0.1 };
const KEYED = 0.3;
const KEYS = ['a', 'b'] as const;
const POLICIES: readonly ConcurrencyPolicy[] = ['queue', 'queue', 'cancel_queued', 'cancel_running', 'reject'];

export function makePlan(index: number, random: Random): BuildPlan {
  const roll = random.next();
  const disrupted = random.next();
  return {
    index,
    ending: roll < 0.7 ? 'succeeds' : roll < 0.82 ? 'fails' : 'cancelled',
    lines: [random.integer(0, 20), random.integer(1, 200)],
    runMs: [random.integer(0, 150), random.integer(50, 900)],
    cancelAfterMs: random.integer(0, 2_000),
    disruptions: disrupted < DISRUPTED_TWICE ? 2 : disrupted < DISRUPTED ? 1 : 0,
    disruption: random.pick(['EvictionByEvictionAPI', 'DeletionByTaintManager', 'RunDeleted']),
    waitsMs: random.next() < WAITS.share ? WAITS.ms : 0,
    lingerMs: random.integer(0, random.next() < LINGERS.seldom ? LINGERS.seldomMs : LINGERS.usuallyMs),
    priority: random.integer(0, 3),
    project: random.next() < 0.4 ? 'limited' : 'web',
    concurrency: random.next() < KEYED ? { key: random.pick(KEYS), policy: random.pick(POLICIES) } : undefined,
  };
}

export function branchOf(plan: BuildPlan): string {
  return `chaos-${plan.index}`;
}

/** Builds are of the tenants in turn. */
export function tenantOf(plan: BuildPlan): (typeof TENANTS)[number] {
  return TENANTS[plan.index % TENANTS.length] ?? TENANTS[0];
}

/** What builds of one project have in common. */
export function projectOf(plan: BuildPlan): string {
  return `${tenantOf(plan).name}/${plan.project}`;
}

/** What builds have in common that run one at a time; undefined for one without a key. */
export function keyOf(plan: BuildPlan): string | undefined {
  return plan.concurrency === undefined ? undefined : `${projectOf(plan)}/${plan.concurrency.key}`;
}

/**
 * Whether a later build may have taken its place: one of the same key whose policy cancels what runs, or what waits when it
 * may have waited.
 */
export function mayBeSuperseded(plan: BuildPlan, plans: readonly BuildPlan[], ran: boolean): boolean {
  const key = keyOf(plan);
  if (key === undefined) return false;
  return plans
    .slice(plan.index + 1)
    .some(
      (later) =>
        keyOf(later) === key &&
        (later.concurrency?.policy === 'cancel_running' || (!ran && later.concurrency?.policy === 'cancel_queued')),
    );
}

/** One printed line, of any bytes that a build may print. */
export function lineOf(plan: BuildPlan, step: number, line: number): Buffer {
  if (line % 17 === 5) return Buffer.from([0x62, 0xff, 0xc3, 0x28, 0x0d, 0x61]);
  if (line % 23 === 7) return Buffer.alloc(0);
  return Buffer.from(`build ${plan.index} step ${step} line ${line} ${'é'.repeat(line % 40)}`);
}
