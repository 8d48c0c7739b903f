import { SEAL_LIMIT_MS } from '../process/chaos-dispatcher-config.ts';
import type { RunFacts } from '../world/cluster-facts.ts';

/** An attempt's row, as far as its log goes. */
export interface LoggedRun {
  readonly id: string;
  readonly pipeline_run_name: string;
  /** Null: nobody recorded a run of it. */
  readonly pipeline_run_uid: string | null;
  readonly log_gap: string | null;
  readonly log_sealed_at: Date | null;
  readonly outcome_at: Date | null;
}

interface Excuse {
  /** What a gap, or the mark of an attempt, says. */
  readonly says: RegExp;
  readonly isTrue: (row: LoggedRun, run: RunFacts, step: string) => boolean;
}

/** The clocks of two processes are not read in the same moment. */
const SLACK_MS = 1_000;

/**
 * Everything that may be said here about what is missing, and whether the cluster and the row agree. All of them mean the
 * end of a log, from the gap on: nothing that the suite does takes lines out of the middle of one.
 */
const EXCUSES: readonly Excuse[] = [
  { says: /^Pod \S+ was deleted before the log of \S+ was read to its end\.$/, isTrue: wasPodDeleted },
  { says: /^Pod \S+ was gone before its log was read\.$/, isTrue: wasPodDeleted },
  {
    says: /^The run was gone before the log of task \S+ could be read; it may have printed something\.$/,
    isTrue: wasRunDeleted,
  },
  { says: /^the log could not be read to its end within the seal limit /, isTrue: hasSealLimitPassed },
  { says: /^the log store took nothing more before the seal limit$/, isTrue: hasSealLimitPassed },
  { says: /^a run was made after the attempt had ended; its log was not read$/, isTrue: wasNeverRecorded },
];

/** A gap or a mark says what is true, and what a fault may have caused. */
export function isExcused(said: string, row: LoggedRun, run: RunFacts, step: string): boolean {
  return EXCUSES.some(({ says, isTrue }) => says.test(said) && isTrue(row, run, step));
}

/** Before the log was sealed: after that the product itself deletes it. */
function wasPodDeleted({ log_sealed_at }: LoggedRun, { podDeletedAt }: RunFacts, step: string): boolean {
  const deletedAt = podDeletedAt.get(step);
  return deletedAt !== undefined && (log_sealed_at === null || deletedAt <= log_sealed_at.getTime());
}

function wasRunDeleted({ log_sealed_at }: LoggedRun, { deletedByOthers, goneAt = Infinity }: RunFacts): boolean {
  return deletedByOthers && (log_sealed_at === null || goneAt <= log_sealed_at.getTime());
}

function wasNeverRecorded({ pipeline_run_uid }: LoggedRun): boolean {
  return pipeline_run_uid === null;
}

function hasSealLimitPassed({ outcome_at, log_sealed_at }: LoggedRun): boolean {
  if (outcome_at === null || log_sealed_at === null) return false;
  return log_sealed_at.getTime() - outcome_at.getTime() > SEAL_LIMIT_MS - SLACK_MS;
}
