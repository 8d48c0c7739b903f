import { DomainError, isDomainError } from '@image-factory/domain';

interface PostgresErrorFields {
  readonly code?: unknown;
  readonly constraint?: unknown;
  readonly table?: unknown;
  readonly message?: unknown;
}

/** Transactions that PostgreSQL ended to let others through: the same work may run again at once. */
const CONFLICTS: ReadonlySet<string> = new Set(['40001', '40P01']);

const UNREACHABLE_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  // admin shutdown, crash shutdown, cannot connect now, idle session timeout, read-only (a standby), too many clients
  '57P01',
  '57P02',
  '57P03',
  '57P05',
  '25P03',
  '25P04',
  '25006',
  '53300',
]);

/** What node-postgres says without a code when a connection goes away. */
const CONNECTION_TEXTS = [
  // A connection broke between two statements that TypeORM makes while it connects.
  'Query runner already released',
  'Connection terminated',
  'Query read timeout',
  'timeout exceeded when trying to connect',
  'Client has encountered a connection error',
  'Cannot use a pool after calling end',
  'Client was closed',
];

function fieldsOf(error: unknown): PostgresErrorFields {
  return typeof error === 'object' && error !== null ? error : {};
}

function codeOf(error: unknown): string {
  const { code } = fieldsOf(error);
  return typeof code === 'string' ? code : '';
}

/** True for a serialization failure or a deadlock. */
export function isTransactionConflict(error: unknown): boolean {
  return CONFLICTS.has(codeOf(error));
}

/** True when the connection is gone, so that the fate of what was sent last is unknown. */
export function isConnectionLoss(error: unknown): boolean {
  const code = codeOf(error);
  const text = error instanceof Error ? error.message : '';
  return UNREACHABLE_CODES.has(code) || code.startsWith('08') || CONNECTION_TEXTS.some((known) => text.includes(known));
}

/** True for an insert into a partitioned table that has no partition for the row. */
export function isPartitionMissing(error: unknown): boolean {
  const cause = isDomainError(error) ? error.cause : error;
  const { message } = fieldsOf(cause);
  return codeOf(cause) === '23514' && typeof message === 'string' && message.startsWith('no partition of relation');
}

/** True for a unique violation of that index or constraint. */
export function isUniqueViolation(error: unknown, constraint: string): boolean {
  const cause = isDomainError(error) ? error.cause : error;
  return codeOf(cause) === '23505' && fieldsOf(cause).constraint === constraint;
}

/** What the pool says when its connections are all in use for longer than one may wait, or none can be opened. */
function isWaitTimeout(error: unknown): boolean {
  return error instanceof Error && error.message.includes('timeout exceeded when trying to connect');
}

function unavailable(message: string, cause: unknown, code: string): DomainError {
  return new DomainError({
    kind: 'Unavailable',
    reason: 'DatabaseUnavailable',
    message,
    retryable: true,
    retryAfterSeconds: 1,
    details: { sqlState: code },
    cause,
  });
}

/**
 * The one place that turns what PostgreSQL, its driver or the socket said into a DomainError. `details` has `sqlState`,
 * and `constraint` and `table` where they are known; the statement's text and values never appear.
 */
export function toDatabaseError(error: unknown): DomainError {
  if (isDomainError(error)) return error;
  const code = codeOf(error);
  if (isWaitTimeout(error)) return unavailable('no database connection was free in time; try again', error, code);
  if (isConnectionLoss(error)) return unavailable('the database cannot be reached; it is tried again', error, code);
  if (CONFLICTS.has(code)) return unavailable('the database is busy with conflicting work; try again', error, code);
  if (code === '57014' || code === '55P03') return unavailable('the database did not answer in time', error, code);
  if (code.startsWith('53')) return unavailable('the database is out of disk, memory or connections', error, code);
  const { constraint, table } = fieldsOf(error);
  const details = { sqlState: code, constraint, table };
  if (code === '23505') {
    return new DomainError({
      kind: 'Conflict',
      reason: 'Conflict',
      message: 'such a row exists already',
      details,
      cause: error,
    });
  }
  if (code === '23503') {
    return new DomainError({
      kind: 'Conflict',
      reason: 'InUse',
      message: 'the row is referred to by another',
      details,
      cause: error,
    });
  }
  if (code === '42P01' || code === '42703' || code === '3D000') {
    return new DomainError({
      kind: 'Unavailable',
      reason: 'SchemaOutdated',
      message: 'the database has another schema than this version needs; run the migrations',
      details,
      cause: error,
    });
  }
  return new DomainError({
    kind: 'Internal',
    reason: 'Internal',
    message: `the database refused a statement (SQLSTATE ${code === '' ? 'unknown' : code})`,
    details,
    cause: error,
  });
}

/** True when a lock was not free within `lock_timeout`. */
export function isLockTimeout(error: unknown): boolean {
  return codeOf(isDomainError(error) ? error.cause : error) === '55P03';
}

/** True when others were in the way, not the database: a lock that was not free in time, or a conflict that came back. */
export function isConflictOrLockTimeout(error: unknown): boolean {
  return isLockTimeout(error) || isTransactionConflict(isDomainError(error) ? error.cause : error);
}

/** True when nobody knows whether the transaction took effect (correctness rule 2). */
export function isCommitUnknown(error: unknown): boolean {
  return isDomainError(error) && error.details?.['commitUnknown'] === true;
}
