import type { Grammar } from '../grammar/grammar.js';

/**
 * What happens to the other builds of the same key in the same project when one is submitted. Whatever the policy, at
 * most one build of a key has a live attempt at any time.
 *
 * `queue`: nothing; it waits for its turn. `cancel_queued`: those that have not started are cancelled. `cancel_running`:
 * those that run, too. `reject`: the new one is refused while another is queued or runs.
 */
export const CONCURRENCY_POLICIES = ['queue', 'cancel_queued', 'cancel_running', 'reject'] as const;
export type ConcurrencyPolicy = (typeof CONCURRENCY_POLICIES)[number];

/** Builds of one key in one project run one at a time. */
export interface Concurrency {
  readonly key: string;
  readonly policy: ConcurrencyPolicy;
}

/** A word that a user chooses, such as a branch: 1 to 100 visible characters. */
export const concurrencyKey: Grammar = (text) =>
  /^[\p{L}\p{N}\p{P}\p{S}](?:[\p{L}\p{N}\p{P}\p{S} ]{0,98}[\p{L}\p{N}\p{P}\p{S}])?$/u.test(text)
    ? undefined
    : 'must be 1 to 100 visible characters';

/** The event that wakes builds which wait for room in their project. */
export function projectWake(projectId: string): string {
  return `project:${projectId}`;
}

/** The event that wakes builds which wait for the end of another of their key. */
export function keyWake(projectId: string, key: string): string {
  return `key:${projectId}:${key}`;
}
