/**
 * What builds would have waited, had each been given the first slot that was left after it came and that no earlier one
 * of them needed: nothing is preempted, and no slot is free before. Times in milliseconds of one clock.
 */
export function idealWaits(arrivals: readonly number[], slotsLeft: readonly number[]): number[] {
  const left = slotsLeft.toSorted((a, b) => a - b);
  let next = 0;
  return arrivals
    .toSorted((a, b) => a - b)
    .flatMap((at) => {
      while ((left[next] ?? Number.POSITIVE_INFINITY) < at) next += 1;
      const given = left[next];
      next += 1;
      return given === undefined ? [] : [given - at];
    });
}
