import { invalidInput } from '@image-factory/domain';
import type { AdaptiveBucketOptions } from './adaptive-bucket.js';
import type { CircuitBreakerOptions } from './circuit-breaker.js';
import { RESERVED_SLOTS } from './request-class.js';

/** How much one cluster is asked at most by one process. */
export interface PressureOptions extends AdaptiveBucketOptions {
  /** Requests at once; streams (watches, logs that are followed) do not count. */
  readonly slots: number;
  /** Longest wait for a turn; then the request is refused, with nothing sent. */
  readonly maxWaitMs: number;
  readonly breaker: CircuitBreakerOptions;
}

export const PRESSURE_DEFAULTS: PressureOptions = {
  floorPerSecond: 5,
  ceilingPerSecond: 500,
  slowAfterMs: 2_000,
  slots: 16,
  maxWaitMs: 5_000,
  breaker: { failures: 5, stallMs: 3_000, reopen: { floorMs: 500, baseMs: 1_000, capMs: 30_000 } },
};

/** The defaults with what is given. @throws DomainError InvalidInput when they do not fit together */
export function pressureOptions(given: Partial<PressureOptions> = {}): PressureOptions {
  const options = { ...PRESSURE_DEFAULTS, ...given };
  const { floorPerSecond, ceilingPerSecond, slots } = options;
  if (!(floorPerSecond > 0 && ceilingPerSecond >= floorPerSecond)) {
    throw invalidInput(
      'ValidationFailed',
      'The floor of a cluster’s request rate must be above 0 and not above its ceiling.',
    );
  }
  if (slots <= RESERVED_SLOTS) {
    throw invalidInput(
      'ValidationFailed',
      `A cluster needs more than ${RESERVED_SLOTS} requests at once: so many are reserved.`,
    );
  }
  return options;
}
