import type { Strikes } from '../strike-all.ts';

/** What is no violation by itself, because a fault may explain it. */
export interface Excused {
  /** Seconds until all dispatchers worked. */
  readonly opening: number;
  /** But for those that the suite itself kept away. */
  readonly logsWithGaps: number;
  /** But for those that the suite itself made. */
  readonly lateRuns: number;
}

/**
 * A log has a gap when its pod is deleted, and gone, while nobody reads it. What a fault takes away is read again within
 * three seconds (a lease, a takeover, a pause); in that time about two attempts lose their pods, to a cancel or to a
 * disruption, and a third of all attempts is read by the dispatcher that was struck. Many pods linger until they are read.
 */
const GAPS_PER_FAULT = 0.5;
/** On a machine that needs longer to open a round, what a fault takes away is away for longer. */
const USUAL_OPENING_SECONDS = 3;
/** For rounds of few faults. */
const MORE_GAPS = 2;
/** These keep nobody from reading. */
const STRIKES_NO_READER =
  /^(create |creates |Secret |delete |burst of 503|clock of one|registry |manifest put|.* (INSERT INTO|SELECT|DELETE FROM) registry_)/;
/** A create waits in a process that is frozen, or at a server that is slow, until its attempt has ended. */
const HOLDS_CREATES_UP = /^(SIGSTOP|freeze at |slow answers)/;
/** Requests that one dispatcher has under way to a cluster. */
const CREATES_AT_ONCE = 16;

/** More logs with gaps, or more late runs, than the faults of a round can explain. */
export function checkAllowances({ struck, provoked }: Strikes, { opening, logsWithGaps, lateRuns }: Excused): string[] {
  // What was brought about disturbs, whether something struck then or not.
  const tried = [...struck.filter((fault) => !provoked.includes(fault)), ...provoked];
  const strikes = tried.filter((fault) => !STRIKES_NO_READER.test(fault)).length;
  const slowness = Math.max(1, opening / USUAL_OPENING_SECONDS);
  const mostGaps = MORE_GAPS + Math.ceil(strikes * GAPS_PER_FAULT * slowness);
  const mostLate = struck.filter((fault) => HOLDS_CREATES_UP.test(fault)).length * CREATES_AT_ONCE;
  const found: string[] = [];
  if (logsWithGaps > mostGaps) found.push(`log: ${logsWithGaps} have gaps, the faults explain ${mostGaps}`);
  if (lateRuns > mostLate) found.push(`late: ${lateRuns} runs came late, the faults explain ${mostLate}`);
  return found;
}
