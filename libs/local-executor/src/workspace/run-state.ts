import type { Fault, Reason, StopIntent } from '@image-factory/domain';
import type { ProcessIdentity } from '../process/process-table.js';

/** `run.json`: who the run is. Written once, with the directory. */
export interface RunRecord {
  readonly uid: string;
  readonly name: string;
  readonly installationId: string;
  readonly executionId: string;
  readonly buildId: string;
  readonly attempt: number;
  readonly shard: number;
  readonly documentHash: string;
  readonly createdAt: string;
}

/** `supervisor.json`: the one supervisor of the run, for ever. Written once, by it. */
export interface SupervisorRecord {
  /** Undefined when the run was stopped before any supervisor had it. */
  readonly process: ProcessIdentity | undefined;
  readonly claimedAt: string;
}

/** `stop.json`: a wish to stop, written once. */
export interface StopRecord {
  readonly intent: StopIntent;
  readonly requestedAt: string;
}

/** `state.json`: what has happened, written by the supervisor only, replaced as a whole. */
export interface RunState {
  readonly builder: { readonly kind: string; readonly version: string } | undefined;
  readonly startedAt: string;
  readonly steps: readonly StepState[];
  readonly endedAt: string | undefined;
  readonly ending: Ending | undefined;
  readonly results: Readonly<Record<string, string>>;
  readonly imageDigest: string | undefined;
}

export interface StepState {
  readonly task: string;
  readonly step: string;
  readonly ordinal: number;
  readonly startedAt: string | undefined;
  readonly endedAt: string | undefined;
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  /** First processes of the step's commands, newest last; none of those whose whole group and session have ended. */
  readonly leaders: readonly ProcessIdentity[];
}

/** Why the run ended, before the stop intent is known (rule 11: the verdict is made from both). */
export type Ending =
  | { readonly kind: 'succeeded' }
  | {
      readonly kind: 'step-failed';
      readonly step: string;
      readonly exitCode: number | undefined;
      readonly signal: string | undefined;
      /** The last lines of the step's log, at most 4 KiB. */
      readonly tail: string;
    }
  | { readonly kind: 'refused'; readonly reason: Reason; readonly message: string; readonly fault: Fault }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'timed-out'; readonly limitSeconds: number }
  /** The supervisor is gone without a word: killed, or the host went down. */
  | { readonly kind: 'host-lost'; readonly message: string };
