import { BUILD_METHOD_TABLE, type BuildMethod } from './build-method.js';
import type { Fault } from '../errors/domain-error.js';

/** Attempts of one build, the first included; then it fails with what its last attempt said. */
export const MAX_ATTEMPTS = 3;

/**
 * How far an attempt had come when it ended. `create`: nothing of it ever ran. `run`: the run was made. `moved`: we
 * stopped it ourselves because its provider drains. `lost`: its cluster was lost past the deadline, proved by all.
 */
export type AttemptStage = 'create' | 'run' | 'moved' | 'lost';

export interface EndedAttempt {
  readonly stage: AttemptStage;
  readonly fault: Fault;
  /** 1 for the first. */
  readonly attempt: number;
  readonly buildMethod: BuildMethod;
}

/**
 * Whether the build gets another attempt. Causes of the platform or a cluster before and at create are retried, a
 * drained attempt moves, a lost one is repeated behind its attempt tag. A method that makes no image has no such
 * fence, so a lost attempt of it is never repeated (correctness rule 5). Everything else is the build's own end.
 */
export function shouldRetry(ended: EndedAttempt): boolean {
  if (ended.attempt >= MAX_ATTEMPTS) return false;
  if (ended.stage === 'moved') return true;
  if (ended.stage === 'lost') return BUILD_METHOD_TABLE[ended.buildMethod].makesImage;
  return ended.stage === 'create' && ended.fault !== 'user';
}

const RETRY_BASE_MS = 5_000;
const RETRY_CAP_MS = 5 * 60_000;

/** Wait before attempt `attempt + 1`, in milliseconds: doubling, full jitter above one half. `random` is in [0, 1). */
export function retryDelayMs(attempt: number, random: number): number {
  const ceiling = Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** Math.max(0, attempt - 1));
  return Math.round(ceiling / 2 + (ceiling / 2) * random);
}
