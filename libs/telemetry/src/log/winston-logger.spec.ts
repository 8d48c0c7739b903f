import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createLogger } from './winston-logger.js';
import { toFrameworkLogger } from './framework-logger.js';
import type { LogFormat, Logger, LogLevel } from './logger.js';

function capture(level: LogLevel, format: LogFormat): { logger: Logger; lines: () => string[] } {
  const stream = new PassThrough();
  const logger = createLogger({ level, format, service: 'image-factory-test', stream });
  return {
    logger,
    lines: () =>
      String(stream.read() ?? '')
        .split('\n')
        .filter((line) => line !== ''),
  };
}

describe('createLogger', () => {
  it('writes one JSON object a line with time, level, service, message and fields', () => {
    const { logger, lines } = capture('info', 'json');
    logger.child({ build_id: 'b1' }).warn('queue is deep', { queued: 7, password: 'hunter2' });
    const [line, ...more] = lines();
    expect(more).toEqual([]);
    expect(JSON.parse(line ?? '')).toMatchObject({
      level: 'warn',
      service: 'image-factory-test',
      message: 'queue is deep',
      build_id: 'b1',
      queued: 7,
      password: '[redacted]',
    });
    expect(Number.isNaN(Date.parse(String(JSON.parse(line ?? '').time)))).toBe(false);
  });

  it('writes nothing below its level', () => {
    const { logger, lines } = capture('warn', 'json');
    logger.debug('a');
    logger.info('b');
    expect(lines()).toEqual([]);
  });

  it('keeps a field that is named like one of its own', () => {
    const { logger, lines } = capture('info', 'json');
    logger.info('claimed', { message: 'theirs', level: 'theirs' });
    expect(JSON.parse(lines()[0] ?? '')).toMatchObject({ message: 'claimed', level: 'info', field_message: 'theirs' });
  });

  it('keeps a message with line feeds on one line in JSON', () => {
    const { logger, lines } = capture('info', 'json');
    logger.info('a\nb');
    expect(lines()).toHaveLength(1);
  });

  it('writes readable lines in the pretty format', () => {
    const { logger, lines } = capture('info', 'pretty');
    logger.info('claimed', { build: 'b1', note: 'two words' });
    expect(lines()[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} info {2}claimed build=b1 note="two words"$/);
  });

  it('takes NestJS’ lines with their context', () => {
    const { logger, lines } = capture('debug', 'json');
    const framework = toFrameworkLogger(logger);
    framework.log('mapped', 'Router');
    framework.error(new Error('broken'), 'stack', 'Filter');
    expect(lines().map((line) => JSON.parse(line))).toMatchObject([
      { level: 'debug', message: 'mapped', context: 'Router' },
      { level: 'error', message: 'broken', context: 'Filter', error: { message: 'broken' } },
    ]);
  });
});
