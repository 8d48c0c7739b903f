import type { Logger } from './logger.js';

/** The shape that NestJS asks of a logger: the context is the last argument, a stack may stand before it. */
export interface FrameworkLogger {
  log(message: unknown, ...rest: unknown[]): void;
  error(message: unknown, ...rest: unknown[]): void;
  warn(message: unknown, ...rest: unknown[]): void;
  debug(message: unknown, ...rest: unknown[]): void;
  verbose(message: unknown, ...rest: unknown[]): void;
}

function fieldsOf(rest: readonly unknown[]): Record<string, unknown> {
  const context = rest.at(-1);
  return typeof context === 'string' ? { context } : {};
}

function textOf(message: unknown): string {
  if (message instanceof Error) return message.message;
  return typeof message === 'string' ? message : (JSON.stringify(message) ?? String(message));
}

/** Lets NestJS write through our logger. Its start-up chatter (routes, modules) is written at level debug. */
export function toFrameworkLogger(logger: Logger): FrameworkLogger {
  return {
    log: (message, ...rest) => logger.debug(textOf(message), fieldsOf(rest)),
    error: (message, ...rest) =>
      logger.error(textOf(message), { ...fieldsOf(rest), ...(message instanceof Error ? { error: message } : {}) }),
    warn: (message, ...rest) => logger.warn(textOf(message), fieldsOf(rest)),
    debug: (message, ...rest) => logger.debug(textOf(message), fieldsOf(rest)),
    verbose: (message, ...rest) => logger.debug(textOf(message), fieldsOf(rest)),
  };
}
