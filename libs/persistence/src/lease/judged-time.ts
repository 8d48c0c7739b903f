/** Database time may go other than the judge's own clock by this much, and it still judges by it (correctness rule 20). */
export const MAX_TIME_DRIFT_MS = 5_000;

const MAX_DRIFT = `interval '${MAX_TIME_DRIFT_MS} milliseconds'`;

/**
 * SQL for "the database's time is what its judge holds it for", which stands in this parameter; NULL: nobody may judge.
 * Asked by the statements themselves that act on deadlines, or on the end of a lease, because a process learns of a clock
 * that has jumped, as that of a new primary, only with its next heartbeat. Evaluated once. Locks nothing.
 */
export function isJudgedTime(parameter: string): string {
  return `(SELECT clock_timestamp() BETWEEN ${parameter}::timestamptz - ${MAX_DRIFT}
                                  AND ${parameter}::timestamptz + ${MAX_DRIFT})`;
}

/**
 * SQL for "the lease of this row of `dispatchers` has not ended". One that was renewed in the future has: it is from before
 * the clock went back, and whoever lives has renewed it since. `now`: SQL for the time to compare with; `since`: for
 * the time at which it had not ended.
 */
export function hasLease(dispatcher: string, now = 'clock_timestamp()', since = now): string {
  return `(${dispatcher}.lease_until > ${since} AND ${dispatcher}.heartbeat_at <= ${now} + ${MAX_DRIFT})`;
}
