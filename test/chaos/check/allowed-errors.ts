/** A line of level error that a dispatcher may say here. */
export interface AllowedError {
  /** Its message. */
  readonly message: string;
  /** Stands in the line, too. */
  readonly with: string;
  /** Faults that explain it: one of them has struck in the round. */
  readonly faults?: RegExp;
  /** The same of what is brought about for a crossing, whether something struck there or not. */
  readonly provoked?: RegExp;
}

const DATABASE_AWAY = /^(PostgreSQL killed and restarted|all database connections cut|cut at |statements cancelled)/;
const ROLLED_BACK = / at ROLLBACK /;
const UNREACHED = '"reason":"DatabaseUnavailable"';

/** Every other line of level error breaks a rule. `scripts/chaos-errors.spec.ts` looks for each message in the sources. */
export const ALLOWED_ERRORS: readonly AllowedError[] = [
  // The result is lost; the next probe tells the same.
  { message: 'A health probe could not be recorded.', with: UNREACHED, faults: DATABASE_AWAY, provoked: ROLLED_BACK },
  // The claim is given back by the next comparison.
  {
    message: 'a build could not be placed; it goes back to the queue',
    with: UNREACHED,
    faults: DATABASE_AWAY,
    provoked: ROLLED_BACK,
  },
  // In the middle of a handshake; it is tried again.
  {
    message: 'cluster connection failed',
    with: '"kind":"reset"',
    faults: /^all API connections cut/,
    provoked: / at SELECT build_log_chunks /,
  },
  // Nothing that was compared is believed any more, as the fault wants.
  {
    message: 'the database is another one or an older one: no claims until the clusters are compared with it',
    with: '"now"',
    provoked: / at UPDATE (installation\.database_identity|cluster_shards\.compared_identity) /,
  },
];
