/**
 * SQL for "this execution, alias `e`, was not given back before it was placed", in the words of the index
 * `build_executions_attempt`, which serves what asks for a build's attempts.
 */
export const NOT_RELEASED = '(e.provider_id IS NOT NULL OR e.finished_at IS NULL)';
