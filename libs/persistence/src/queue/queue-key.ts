import { PRIORITY_STEP_MS } from '@image-factory/domain';

/**
 * SQL for `queue_key` of a build that is inserted in this transaction with `created_at` left to its default.
 * `priority` is the parameter that holds it, such as `$7`.
 */
export function queueKeyNow(priority: string): string {
  return `(floor(extract(epoch FROM now()) * 1000)::bigint - ${priority}::integer * ${PRIORITY_STEP_MS}::bigint)`;
}

/** SQL for the seconds of a build's present stay in the queue, alias `b`. */
export const QUEUED_FOR = 'greatest(0, extract(epoch FROM now() - b.queued_at)::double precision)';

/**
 * SQL for the key of a stored build, alias `b`: the same for its whole life, so that a build which comes back keeps its
 * place. A build with `not_before` is as old as that.
 */
export const QUEUE_KEY_OF_BUILD = `(floor(extract(epoch FROM greatest(b.created_at, b.not_before)) * 1000)::bigint
  - b.priority * ${PRIORITY_STEP_MS}::bigint)`;
