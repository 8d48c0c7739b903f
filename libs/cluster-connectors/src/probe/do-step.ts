import { type Clock, type DomainError, isDomainError } from '@image-factory/domain';
import { toDomainError } from '../error/kube-error.js';
import type { ConnectionStep, ConnectionStepName } from './connection-step.js';
import { stepFix } from './step-fix.js';

/** What a step saw; `error` when it failed nevertheless. */
export interface StepResult {
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly error?: DomainError;
}

/** Does one step and says how it ended. Never throws. */
export async function doStep(
  name: ConnectionStepName,
  work: () => Promise<StepResult>,
  clock: Clock,
): Promise<ConnectionStep> {
  const startedMs = clock.monotonicMs();
  const { message, details, error } = await work().catch((thrown: unknown): StepResult => {
    const known = isDomainError(thrown) ? thrown : toDomainError(thrown, { sent: false });
    return { message: known.message, error: known };
  });
  const common = { name, ...(details === undefined ? {} : { details }) };
  const duration_ms = Math.round(clock.monotonicMs() - startedMs);
  if (error === undefined) return { ...common, status: 'passed', message, duration_ms };
  const { reason } = error;
  return { ...common, status: 'failed', reason, message: error.message, fix: stepFix(name, error), duration_ms };
}

/** A step that is not tried, because one that it needs has failed. */
export function skippedStep(name: ConnectionStepName): ConnectionStep {
  return { name, status: 'skipped', message: 'An earlier step failed.', duration_ms: 0 };
}
