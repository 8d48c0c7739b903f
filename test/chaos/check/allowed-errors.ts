/** A line of level error that a dispatcher may say here. */
export interface AllowedError {
  /** Its message. */
  readonly message: string;
  /** Stands in the line, too. */
  readonly with: string;
  /** Faults that explain it: one of them has struck in the round. */
  readonly faults: RegExp;
}

const DATABASE_AWAY = /^(PostgreSQL killed and restarted|all database connections cut|cut at )/;
const UNREACHED = '"reason":"DatabaseUnavailable"';

/** Every other line of level error breaks a rule. `scripts/chaos-errors.spec.ts` looks for each message in the sources. */
export const ALLOWED_ERRORS: readonly AllowedError[] = [
  // The result is lost; the next probe tells the same.
  { message: 'A health probe could not be recorded.', with: UNREACHED, faults: DATABASE_AWAY },
  // The claim is given back by the next comparison.
  { message: 'a build could not be placed; it goes back to the queue', with: UNREACHED, faults: DATABASE_AWAY },
  // In the middle of a handshake; it is tried again.
  { message: 'cluster connection failed', with: '"kind":"reset"', faults: /^all API connections cut/ },
];
