import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LogCursor, LogRecord } from '@image-factory/domain';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogTimesWriter } from './log-times.js';
import { MAX_LINE_BYTES, StepLogReader } from './step-log-reader.js';

const START: LogCursor = { byteOffset: 0, lineOffset: 0, lastTime: undefined, lastTimeCount: 0, ended: false };
let directory: string;
let log: string;
let times: string;
let writer: LogTimesWriter;
let size = 0;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'if-log-'));
  log = join(directory, 'x.log');
  times = join(directory, 'x.times');
  await writeFile(log, '');
  writer = await LogTimesWriter.open(times);
  size = 0;
});

afterEach(async () => {
  await writer.close();
  await rm(directory, { recursive: true });
});

async function write(text: string | Buffer, second: number): Promise<void> {
  await appendFile(log, text);
  size += Buffer.byteLength(text);
  await writer.note(size, new Date(Date.UTC(2026, 0, 1, 0, 0, second)));
}

const shown = (records: readonly LogRecord[]): string[] =>
  records.map((record) =>
    record.kind === 'line'
      ? `${record.time.slice(17, 19)} ${Buffer.from(record.text).toString()}${record.newline ? '$' : ''}`
      : 'gap',
  );

describe('StepLogReader', () => {
  it('gives each line the time at which its first byte was seen', async () => {
    const reader = new StepLogReader(log, times, START);
    await write('one\ntw', 1);
    expect(shown((await reader.read(false)).records)).toEqual(['01 one$']);
    await write('o\nthree\n', 2);
    expect(shown((await reader.read(false)).records)).toEqual(['01 two$', '02 three$']);
    await write('four', 3);
    expect((await reader.read(false)).records).toEqual([]);
    expect(shown((await reader.read(true)).records)).toEqual(['03 four']);
    await reader.close();
  });

  it('gives the same lines and times to whoever resumes in the middle', async () => {
    await write('one\ntwo\n', 1);
    await write('three\n', 2);
    const reader = new StepLogReader(log, times, { ...START, byteOffset: 4, lastTime: '2026-01-01T00:00:01.000Z' });
    expect(shown((await reader.read(true)).records)).toEqual(['01 two$', '02 three$']);
    await reader.close();
  });

  it('hands out bytes whose time was never noted only once nothing writes any more', async () => {
    await appendFile(log, 'unnoted\n');
    const reader = new StepLogReader(log, times, START);
    expect((await reader.read(false)).records).toEqual([]);
    expect((await reader.read(true)).records).toMatchObject([{ newline: true }]);
    await reader.close();
  });

  it('hands out a line without end in pieces, and loses none of it', async () => {
    await write(Buffer.alloc(MAX_LINE_BYTES + 5, 'x'), 1);
    const reader = new StepLogReader(log, times, START);
    const pieces: LogRecord[] = [];
    for (let more = true; more;) {
      const batch = await reader.read(true);
      pieces.push(...batch.records);
      more = batch.more;
    }
    expect(pieces.map((piece) => (piece.kind === 'line' ? [piece.text.length, piece.newline] : []))).toEqual([
      [MAX_LINE_BYTES, false],
      [5, false],
    ]);
    await reader.close();
  });

  it('marks a gap when the file was cut', async () => {
    await write('one\n', 1);
    const reader = new StepLogReader(log, times, { ...START, byteOffset: 100 });
    expect((await reader.read(true)).records).toMatchObject([{ kind: 'gap', reason: 'LogGap' }]);
    await reader.close();
  });
});
