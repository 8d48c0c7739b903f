/** A locked lane with room. */
export interface LaneRoom {
  readonly tenantId: string;
  readonly queued: number;
  readonly running: number;
  readonly maxRunning: number;
  readonly weight: number;
}

export interface Allotment {
  readonly tenantId: string;
  readonly count: number;
}

/**
 * Shares `limit` claims among lanes: each goes to the lane with the smallest running share for its weight, which is
 * what claiming one by one would do. Lanes come in the order of that share and of how long ago they were served, which
 * breaks ties. No lane gets more than it has queued, or than its limit leaves.
 */
export function allotLanes(lanes: readonly LaneRoom[], limit: number): Allotment[] {
  const counts = lanes.map(() => 0);
  for (let given = 0; given < limit; given += 1) {
    let best = -1;
    let bestShare = Number.POSITIVE_INFINITY;
    for (const [index, lane] of lanes.entries()) {
      const count = counts[index] ?? 0;
      if (count >= Math.min(lane.queued, lane.maxRunning - lane.running)) continue;
      const share = (lane.running + count) / lane.weight;
      if (share < bestShare) {
        best = index;
        bestShare = share;
      }
    }
    if (best < 0) break;
    counts[best] = (counts[best] ?? 0) + 1;
  }
  return lanes
    .map((lane, index) => ({ tenantId: lane.tenantId, count: counts[index] ?? 0 }))
    .filter((allotment) => allotment.count > 0);
}
