import type { CloudReader } from '@image-factory/cluster-connectors';
import { type Clock, isDomainError } from '@image-factory/domain';
import type { DiscoveryProblem } from './found-cluster.js';

/** What listing is made of: the clouds as this process sees them, and the time. */
export interface DiscoveryClouds {
  readonly reader: CloudReader;
  readonly clock: Clock;
}

const TRIES = 4;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 20_000;

/** Asks again what a cloud refuses for load, or cannot answer now, after as long as it says. @throws the last failure */
export async function askAgain<T>(ask: () => Promise<T>, clock: Clock, signal: AbortSignal): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!isDomainError(error) || !error.retryable || tried >= TRIES || signal.aborted) throw error;
      const told =
        error.retryAfterSeconds === undefined ? FIRST_WAIT_MS * 2 ** (tried - 1) : error.retryAfterSeconds * 1000;
      await clock.sleep(Math.min(told, LONGEST_WAIT_MS), signal);
    }
  }
}

/** A failure as it is shown. What is no refusal of a cloud says nothing of itself: it may hold a request. */
export function toProblem(error: unknown, subject: string): DiscoveryProblem {
  if (isDomainError(error)) return { reason: error.reason, message: error.message };
  return { reason: 'CloudUnavailable', message: `${subject} could not be asked, or took too long.` };
}
