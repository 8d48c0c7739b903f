import type { LogRecord } from '@image-factory/domain';
import type { StoredLogRecord, StoredStep } from '@image-factory/persistence';

/** One record of a log with its place in the build. */
export interface PlacedRecord {
  readonly attempt: number;
  readonly step: StoredStep;
  readonly stored: StoredLogRecord;
}

/** A record as JSON readers get it. `gap` is set, and `text` says what is missing, where bytes are missing. */
export interface LogLineResponse {
  readonly attempt: number;
  readonly task: string;
  readonly step: string;
  /** 1-based in its step. */
  readonly line: number;
  readonly time: string;
  readonly text: string;
  readonly gap?: string;
}

export function toLogLineResponse({ attempt, step, stored }: PlacedRecord): LogLineResponse {
  const { record } = stored;
  const place = { attempt, task: step.task, step: step.step, line: stored.line + 1, time: record.time };
  return record.kind === 'gap'
    ? { ...place, text: record.message, gap: record.reason }
    : { ...place, text: Buffer.from(record.text).toString('utf8') };
}

const LINE_FEED = Buffer.from('\n');

/** The bytes of a record in the plain log: exactly what the step wrote; a gap is one marked line. */
export function toLogBytes(record: LogRecord): Buffer {
  if (record.kind === 'gap') return Buffer.from(`[image-factory: ${record.reason}: ${record.message}]\n`, 'utf8');
  const text = Buffer.from(record.text.buffer, record.text.byteOffset, record.text.byteLength);
  return record.newline ? Buffer.concat([text, LINE_FEED]) : text;
}

/** Times of RFC 3339 in UTC with 0 to 9 digits of fraction, in an order that compares as text. */
export function sortableTime(time: string): string {
  const match = /^(.*?)(?:\.(\d{1,9}))?Z$/.exec(time);
  return match === null ? time : `${match[1]}.${(match[2] ?? '').padEnd(9, '0')}Z`;
}
