import { isTerminalExecutionState, type ExecutionState } from '@image-factory/domain';
import type { OwnedExecution } from '@image-factory/persistence';
import { createAttempt } from './create-attempt.js';
import type { ExecutionScope, ExecutionStep, StepResult } from './execution-scope.js';
import { promoteImage } from './promote-image.js';
import { sealAttempt } from './seal-attempt.js';
import { sweepAttempt } from './sweep-attempt.js';
import { watchAttempt } from './watch-attempt.js';

/**
 * The state machine of an execution, from `creating` on (ARCHITECTURE.md, "States"):
 *
 *   creating ──▶ starting ──▶ running ──▶ sealing ──▶ promoting ──▶ succeeded
 *      │             │           │           └──▶ failed, cancelled, moved
 *      └─────────────┴───────────┴──▶ lost
 *
 * It is level-triggered: each round reads the row, looks at the place, makes at most one step, and commits it under
 * the shard's token. A round may be repeated, skipped or taken over by another dispatcher at any point: what a step
 * does to a cluster finds what an earlier round made, and what it writes moves a row only from the state it has read.
 * `placing` and `released` belong to the claimer and never come here.
 */
const STEPS: Readonly<Record<Exclude<ExecutionState, 'placing' | 'released'>, ExecutionStep>> = {
  creating: createAttempt,
  starting: watchAttempt,
  running: watchAttempt,
  sealing: sealAttempt,
  promoting: promoteImage,
  succeeded: sweepAttempt,
  failed: sweepAttempt,
  cancelled: sweepAttempt,
  moved: sweepAttempt,
  lost: sweepAttempt,
};

/** One round for one execution. */
export async function reconcileExecution(scope: ExecutionScope, row: OwnedExecution): Promise<StepResult> {
  if (!scope.mayWrite()) return { kind: 'wait', ms: 500 };
  if (row.state === 'placing' || row.state === 'released') return { kind: 'forget' };
  const result = await STEPS[row.state](scope, row);
  if (result.kind === 'leaseLost') scope.metrics.count('leaseLosses');
  if (result.kind === 'again' && isTerminalExecutionState(row.state)) return { kind: 'forget' };
  return result;
}
