import type { FixedOutcome } from '@image-factory/persistence';
import { DIGEST } from './queue-world.js';

/** The outcome of an attempt that ran for a second and built its image, but for what is said. */
export function fixedOutcome(over: Partial<FixedOutcome> = {}): FixedOutcome {
  return {
    outcome: 'succeeded',
    reason: 'Succeeded',
    message: '',
    fault: 'platform',
    imageDigest: DIGEST,
    results: {},
    finalDocument: '{}',
    runSeconds: 1,
    startSeconds: 1,
    endedAt: new Date(),
    ...over,
  };
}
