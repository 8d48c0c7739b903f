import { DEFAULT_CPU_MILLIS, DEFAULT_MEMORY_BYTES, dominantShare } from '@image-factory/domain';

/** A locked lane with room, as it is before the claim. */
export interface LaneRoom {
  readonly tenantId: string;
  readonly queued: number;
  readonly running: number;
  readonly maxRunning: number;
  readonly weight: number;
  /** Builds that come before what others run beyond their own guarantees. */
  readonly guaranteed: number;
  /** Thousandths of CPU, and bytes, of what runs. */
  readonly runningCpu: number;
  readonly runningMemory: number;
  /** What it was served lately for its weight, in units of a usual build. */
  readonly served: number;
}

export interface Allotment {
  readonly tenantId: string;
  readonly count: number;
}

/** Smaller is served first, part by part. */
export type LaneRank = readonly [beyondGuarantee: number, share: number, served: number];

/** The order of lanes in the claim; the claim's SQL orders by the same. */
export function laneRank(lane: Omit<LaneRoom, 'tenantId' | 'queued' | 'maxRunning'>): LaneRank {
  if (lane.running < lane.guaranteed) return [0, lane.running / lane.guaranteed, lane.served];
  return [1, dominantShare(lane.runningCpu, lane.runningMemory) / lane.weight, lane.served];
}

function precedes(a: LaneRank, b: LaneRank): boolean {
  if (a[0] !== b[0]) return a[0] < b[0];
  if (a[1] !== b[1]) return a[1] < b[1];
  return a[2] < b[2];
}

/** A lane while a claim serves it. */
export class LaneTally {
  queued: number;
  running: number;
  #cpu: number;
  #memory: number;
  #served: number;
  /** Until the lane is served again: every choice looks at every lane. */
  #rank: LaneRank | undefined;

  constructor(readonly lane: LaneRoom) {
    this.queued = lane.queued;
    this.running = lane.running;
    this.#cpu = lane.runningCpu;
    this.#memory = lane.runningMemory;
    this.#served = lane.served;
  }

  get hasRoom(): boolean {
    return this.queued > 0 && this.running < this.lane.maxRunning;
  }

  /** What one more build of it is likely to take: as much as those that run, or a usual one. */
  get likely(): { readonly cpuMillis: number; readonly memoryBytes: number } {
    const { running, runningCpu, runningMemory } = this.lane;
    if (running <= 0) return { cpuMillis: DEFAULT_CPU_MILLIS, memoryBytes: DEFAULT_MEMORY_BYTES };
    return { cpuMillis: runningCpu / running, memoryBytes: runningMemory / running };
  }

  serve(build: { readonly cpuMillis: number; readonly memoryBytes: number }): void {
    this.queued -= 1;
    this.running += 1;
    this.#cpu += build.cpuMillis;
    this.#memory += build.memoryBytes;
    this.#served += dominantShare(build.cpuMillis, build.memoryBytes) / this.lane.weight;
    this.#rank = undefined;
  }

  room(): LaneRoom {
    const { queued, running } = this;
    return { ...this.lane, queued, running, runningCpu: this.#cpu, runningMemory: this.#memory, served: this.#served };
  }

  rank(): LaneRank {
    this.#rank ??= laneRank(this.room());
    return this.#rank;
  }
}

/** The one whose turn it is; of equal ones the first. */
export function nextLane(tallies: readonly LaneTally[]): LaneTally | undefined {
  let best: LaneTally | undefined;
  let bestRank: LaneRank | undefined;
  for (const tally of tallies) {
    if (!tally.hasRoom) continue;
    const rank = tally.rank();
    if (bestRank === undefined || precedes(rank, bestRank)) {
      best = tally;
      bestRank = rank;
    }
  }
  return best;
}

/**
 * How many heads to read of each lane for `limit` claims: what serving them one by one would take, were their builds
 * such as those that run.
 */
export function allotLanes(lanes: readonly LaneRoom[], limit: number): Allotment[] {
  const tallies = lanes.map((lane) => new LaneTally(lane));
  for (let given = 0; given < limit; given += 1) {
    const next = nextLane(tallies);
    if (next === undefined) break;
    next.serve(next.likely);
  }
  return tallies
    .map((tally) => ({ tenantId: tally.lane.tenantId, count: tally.running - tally.lane.running }))
    .filter((allotment) => allotment.count > 0);
}
