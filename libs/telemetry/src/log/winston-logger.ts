import type { Writable } from 'node:stream';
import winston from 'winston';
import { currentTraceId } from '../trace/span.js';
import { type LogFields, type LogFormat, Logger, type LogLevel } from './logger.js';
import { redact, redactText } from './redact.js';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** `json` writes one object a line, `pretty` one readable line. */
  readonly format: LogFormat;
  /** Name of the process, as in `image-factory-api`. */
  readonly service: string;
  /** Where lines go; standard output when absent. */
  readonly stream?: Writable;
}

const RESERVED = new Set(['level', 'message', 'time', 'service', 'trace_id']);

function prettyValue(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}

function prettyLine(info: winston.Logform.TransformableInfo): string {
  const fields = Object.entries(info)
    .filter(([key, value]) => !RESERVED.has(key) && value !== undefined)
    .map(([key, value]) => ` ${key}=${prettyValue(value)}`);
  return `${String(info['time']).slice(11, 23)} ${info.level.padEnd(5)} ${String(info.message)}${fields.join('')}`;
}

function jsonLine(info: winston.Logform.TransformableInfo): string {
  const { time, level, service, message, ...fields } = info;
  return JSON.stringify({ time, level, service, message, ...fields });
}

class WinstonLogger extends Logger {
  constructor(
    private readonly target: winston.Logger,
    private readonly fields: LogFields,
  ) {
    super();
  }

  debug(message: string, fields?: LogFields): void {
    if (this.target.isDebugEnabled()) this.write('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    if (this.target.isInfoEnabled()) this.write('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.write('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.write('error', message, fields);
  }

  child(fields: LogFields): Logger {
    return new WinstonLogger(this.target, { ...this.fields, ...fields });
  }

  private write(level: LogLevel, message: string, fields: LogFields | undefined): void {
    const safe = redact({ ...this.fields, ...fields }) as Record<string, unknown>;
    for (const key of RESERVED) {
      if (key in safe) {
        safe[`field_${key}`] = safe[key];
        delete safe[key];
      }
    }
    const traceId = currentTraceId();
    this.target.log({
      ...safe,
      ...(traceId === undefined ? {} : { trace_id: traceId }),
      level,
      message: redactText(message),
      time: new Date().toISOString(),
    });
  }
}

/** The process's logger: winston, one line an entry, every value redacted before it is written. */
export function createLogger(options: LoggerOptions): Logger {
  const line = winston.format.printf(options.format === 'json' ? jsonLine : prettyLine);
  const transport =
    options.stream === undefined
      ? new winston.transports.Console({ forceConsole: false })
      : new winston.transports.Stream({ stream: options.stream });
  const target = winston.createLogger({
    level: options.level,
    format: line,
    defaultMeta: { service: options.service },
    transports: [transport],
    exitOnError: false,
  });
  return new WinstonLogger(target, {});
}
