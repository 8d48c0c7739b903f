/**
 * What became of a request that failed. `notSent`: no byte of it left. `refused`: the server answered that it did not
 * apply it. `unknown`: it may have been applied (correctness rule 14 applies to creates).
 */
export type RequestOutcome = 'notSent' | 'refused' | 'unknown';

/** What the failed request was, as far as it is known. */
export interface RequestSubject {
  readonly method?: string;
  readonly path?: string;
  /** Whether its first byte was written. */
  readonly sent?: boolean;
  /** Whether our own time limit ended it. */
  readonly timedOut?: boolean;
}
