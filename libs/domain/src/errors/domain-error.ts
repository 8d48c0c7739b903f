import type { Reason } from './reasons.js';

/** What went wrong, by meaning. One filter maps kinds to HTTP; nothing else compares anything but kind and reason. */
export type ErrorKind =
  | 'InvalidInput'
  | 'Unauthenticated'
  | 'NotAllowed'
  | 'NotFound'
  | 'Conflict'
  | 'PreconditionFailed'
  | 'QuotaExceeded'
  | 'TooLarge'
  | 'Unavailable'
  | 'DeadlineExceeded'
  | 'Internal';

/** Who has to act: the person who asked, the owner of a cluster, or we. */
export type Fault = 'user' | 'cluster' | 'platform';

/** One wrong field: `path` as in `build_config.tags[1]`, `message` says what is wrong and what would be right. */
export interface Issue {
  readonly path: string;
  readonly message: string;
}

export interface DomainErrorOptions {
  readonly kind: ErrorKind;
  readonly reason: Reason;
  /** What failed, on which object, and what to do. Never a secret or an upstream body. */
  readonly message: string;
  readonly fault?: Fault;
  /** Decided where the error is born. */
  readonly retryable?: boolean;
  /** Seconds after which a retry makes sense, when known. */
  readonly retryAfterSeconds?: number;
  readonly issues?: readonly Issue[];
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** The one error class of the product. Compared by `kind` and `reason`, never by text or class. */
export class DomainError extends Error {
  readonly kind: ErrorKind;
  readonly reason: Reason;
  readonly fault: Fault;
  readonly retryable: boolean;
  readonly retryAfterSeconds: number | undefined;
  readonly issues: readonly Issue[];
  readonly details: Readonly<Record<string, unknown>>;

  constructor(options: DomainErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'DomainError';
    this.kind = options.kind;
    this.reason = options.reason;
    this.fault = options.fault ?? (options.kind === 'Internal' || options.kind === 'Unavailable' ? 'platform' : 'user');
    this.retryable = options.retryable ?? false;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.issues = options.issues ?? [];
    this.details = options.details ?? {};
  }
}

/** The lease that what was tried needs is not ours, or not any more (correctness rule 3). */
export function isLeaseLost(error: unknown): boolean {
  return isDomainError(error) && error.reason === 'LeaseLost';
}

/** True for a DomainError of any copy of this package. */
export function isDomainError(error: unknown): error is DomainError {
  return error instanceof Error && error.name === 'DomainError' && 'kind' in error && 'reason' in error;
}

/** An InvalidInput error that carries every issue at once. */
export function invalidInput(reason: Reason, message: string, issues: readonly Issue[] = []): DomainError {
  return new DomainError({ kind: 'InvalidInput', reason, message, issues });
}
