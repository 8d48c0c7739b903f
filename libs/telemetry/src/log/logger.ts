/** Values that a log line carries beside its message. Secrets and keys that look like secrets are redacted. */
export type LogFields = Readonly<Record<string, unknown>>;

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const LOG_FORMATS = ['json', 'pretty'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** Structured log of a process. Type and DI token in one. */
export abstract class Logger {
  abstract debug(message: string, fields?: LogFields): void;
  abstract info(message: string, fields?: LogFields): void;
  abstract warn(message: string, fields?: LogFields): void;
  abstract error(message: string, fields?: LogFields): void;
  /** A logger whose every line carries these fields too. */
  abstract child(fields: LogFields): Logger;
}

class SilentLogger extends Logger {
  debug(): void {}
  info(): void {}
  warn(): void {}
  error(): void {}
  child(): Logger {
    return this;
  }
}

/** A logger that writes nothing, for tests and for libraries without one. */
export function createSilentLogger(): Logger {
  return new SilentLogger();
}
