import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Clock, LogSink, type LogCursor, type LogRecord, type LogStep } from '@image-factory/domain';
import type { ClusterConnection } from '@image-factory/cluster-connectors';
import { readStepLog } from './step-log-reader.js';
import type { LogSource } from './step-log-reader.js';

/** Every wait is over at once; the reader's own promises still go first. */
class HastyClock extends Clock {
  override now(): Date {
    return new Date(0);
  }
  override monotonicMs(): number {
    return 0;
  }
  override sleep(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, 5));
  }
}

class KeptLog extends LogSink {
  readonly records: LogRecord[] = [];
  ended = false;

  override cursor(): Promise<LogCursor> {
    return Promise.resolve({ byteOffset: 0, lineOffset: 0, lastTime: undefined, lastTimeCount: 0, ended: false });
  }
  override append(_step: LogStep, records: readonly LogRecord[]): Promise<void> {
    this.records.push(...records);
    return Promise.resolve();
  }
  override end(): Promise<void> {
    this.ended = true;
    return Promise.resolve();
  }
}

const OVER: LogSource = {
  namespace: 'n',
  pod: 'p',
  container: 'step-build',
  sight: () => 'over',
  isDeleting: () => false,
  onChange: () => () => undefined,
};

describe('the log of a container that is over', () => {
  it('is read again when an answer stalls on a connection that stays open', async () => {
    const stalled = new Readable({ read: () => undefined });
    const whole = Readable.from([Buffer.from('2026-11-21T09:00:00.000000001Z all of it\n')]);
    const answers = [stalled, whole];
    const connection = { stream: () => Promise.resolve({ status: 200, headers: {}, body: answers.shift() }) };
    const sink = new KeptLog();
    await readStepLog({
      connection: () => connection as unknown as ClusterConnection,
      source: OVER,
      step: { task: 'build', step: 'build', ordinal: 1 },
      sink,
      clock: new HastyClock(),
      signal: AbortSignal.timeout(5_000),
      onLines: () => undefined,
    });
    expect(
      sink.records.map((record) => (record.kind === 'line' ? Buffer.from(record.text).toString() : record.kind)),
    ).toEqual(['all of it']);
    expect(sink.ended).toBe(true);
  });
});
