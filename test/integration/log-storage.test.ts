import { randomBytes, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogCursor, LogRecord, LogStep } from '@image-factory/domain';
import {
  PostgresBuildLogs,
  type LogReadRequest,
  type ShardLease,
  type StoredLogRecord,
} from '@image-factory/persistence';
import { appendLog, endLogStep } from '@image-factory/test-support';
import { QueueWorld } from './queue-world.js';

const STEP: LogStep = { task: 'build', step: 'build', ordinal: 2 };
const CLONE: LogStep = { task: 'clone', step: 'clone', ordinal: 1 };

function line(text: string | Uint8Array, time = 't1', newline = true): LogRecord {
  return { kind: 'line', time, text: typeof text === 'string' ? Buffer.from(text) : text, newline };
}

function bytesOf(records: readonly LogRecord[]): Buffer {
  const parts = records.flatMap((record) =>
    record.kind === 'gap' ? [] : [Buffer.from(record.text), Buffer.from(record.newline ? '\n' : '')],
  );
  return Buffer.concat(parts);
}

describe('stored logs', () => {
  let world: QueueWorld;
  let provider: string;
  let dispatcher: string;
  let id: string;
  let day: string;
  let fence: ShardLease;

  beforeEach(async () => {
    world = await QueueWorld.open();
    await world.submit(await world.tenant());
    provider = await world.provider();
    dispatcher = await world.dispatcher();
    const placed = await world.placed(dispatcher, provider);
    fence = placed.fence;
    id = placed.claimed.executionId;
    day = (await world.one<{ log_day: string }>('SELECT log_day FROM build_executions WHERE id = $1', [id])).log_day;
  });
  afterEach(async () => {
    await world.close();
  });

  const batch = (records: readonly LogRecord[], expectedByteOffset: number, step = STEP) => ({
    executionId: id,
    day,
    step,
    records,
    expectedByteOffset,
  });
  async function read(request: Partial<LogReadRequest> = {}): Promise<StoredLogRecord[]> {
    const all: StoredLogRecord[] = [];
    for await (const record of world.logs.read({ executionId: id, step: STEP, ...request })) all.push(record);
    return all;
  }

  it('give out the bytes that went in: NUL, invalid UTF-8, a line of 10 MB, a last line without its feed', async () => {
    const records = [
      line('plain'),
      line(Uint8Array.of(0, 1, 0)),
      line(Uint8Array.of(0xff, 0xc3, 0x28)),
      line(randomBytes(10 * 1024 * 1024).map((byte) => (byte === 10 ? 11 : byte))),
      line(''),
      line('the end', 't2', false),
    ];
    expect(await appendLog(world.logs, fence, [batch(records.slice(0, 2), 0)])).toBe('done');
    const first = bytesOf(records.slice(0, 2)).length;
    expect(await appendLog(world.logs, fence, [batch(records.slice(2), first)])).toBe('done');
    const stored = await read();
    expect(bytesOf(stored.map((one) => one.record)).equals(bytesOf(records))).toBe(true);
    expect(stored.map((one) => one.line)).toEqual([0, 1, 2, 3, 4, 5]);
    const all = bytesOf(records).length;
    expect(stored.at(-1)?.byteOffset).toBe(all - 7);
    const cursor: LogCursor = { byteOffset: all, lineOffset: 6, lastTime: 't2', lastTimeCount: 1, ended: false };
    expect(await world.logs.cursor(id, STEP)).toEqual(cursor);
  });

  it('are read from any byte and any line, a long line’s middle too', async () => {
    const long = Buffer.alloc(700_000, 'x');
    const records = [line('one'), line(long), line('three'), line('four')];
    await appendLog(world.logs, fence, [batch(records, 0)]);
    const all = bytesOf(records);
    for (const from of [0, 1, 3, 4, 300_000, 4 + 700_000, 4 + 700_001, 4 + 700_004, all.length - 1]) {
      const rest = bytesOf((await read({ fromByteOffset: from })).map((one) => one.record));
      expect(rest.equals(all.subarray(from))).toBe(true);
    }
    expect(await read({ fromByteOffset: all.length })).toEqual([]);
    for (const from of [0, 1, 2, 3]) {
      const [first] = await read({ fromLine: from });
      expect(first?.line).toBe(from);
      expect(bytesOf(first === undefined ? [] : [first.record]).equals(bytesOf(records.slice(from, from + 1)))).toBe(
        true,
      );
    }
    expect(await read({ fromLine: 2, limitBytes: 1 })).toHaveLength(1);
  });

  it('keep gaps where they are, and a reader that had one is not given it again', async () => {
    const gap: LogRecord = { kind: 'gap', time: 't2', reason: 'LogGap', message: 'rotated away' };
    await appendLog(world.logs, fence, [batch([line('a'), gap], 0)]);
    await appendLog(world.logs, fence, [batch([gap], 2)]);
    await appendLog(world.logs, fence, [batch([line('b')], 2)]);
    expect((await read()).map((one) => one.record.kind)).toEqual(['line', 'gap', 'gap', 'line']);
    expect((await read({ fromByteOffset: 2, skipGaps: 2 })).map((one) => one.record.kind)).toEqual(['line']);
    expect(await world.logs.listSteps(id)).toEqual([{ ...STEP, byteOffset: 4, lineOffset: 2, ended: false, gaps: 2 }]);
  });

  it('have a gap once whose flush is sent again because its answer was lost, also with its step’s end', async () => {
    const gapAt = (time: string): LogRecord => ({ kind: 'gap', time, reason: 'LogGap', message: 'rotated away' });
    await appendLog(world.logs, fence, [batch([line('a')], 0)]);
    const first = { fence, batch: batch([gapAt('t2')], 2), ends: false };
    const last = { fence, batch: batch([gapAt('t3')], 2), ends: true };
    for (const write of [first, first, last, last]) expect(await world.logs.write([write])).toEqual([{ kind: 'done' }]);
    expect((await read()).map((one) => one.record.time)).toEqual(['t1', 't2', 't3']);
    expect(await world.logs.listSteps(id)).toEqual([{ ...STEP, byteOffset: 2, lineOffset: 1, ended: true, gaps: 2 }]);
  });

  it('are ended by a gap’s flush that was stored when its step was not yet to end', async () => {
    const gap: LogRecord = { kind: 'gap', time: 't2', reason: 'LogGap', message: 'rotated away' };
    await world.logs.write([{ fence, batch: batch([gap], 0), ends: false }]);
    expect(await world.logs.write([{ fence, batch: batch([gap], 0), ends: true }])).toEqual([{ kind: 'done' }]);
    expect(await world.logs.listSteps(id)).toEqual([{ ...STEP, byteOffset: 0, lineOffset: 0, ended: true, gaps: 1 }]);
  });

  it('count the last lines of one time over flushes', async () => {
    await appendLog(world.logs, fence, [batch([line('a', 't1'), line('b', 't2')], 0)]);
    await appendLog(world.logs, fence, [batch([line('c', 't2'), line('d', 't2')], 4)]);
    expect(await world.logs.cursor(id, STEP)).toMatchObject({ lastTime: 't2', lastTimeCount: 3 });
  });

  it('take of a flush what fits, and refuse by itself what stands elsewhere', async () => {
    expect(await appendLog(world.logs, fence, [batch([line('x')], 0), batch([line('y')], 0, CLONE)])).toBe('done');
    const flush = [batch([line('lost')], 7, CLONE), batch([line('more')], 2)];
    const answers = await world.logs.write(flush.map((one) => ({ fence, batch: one, ends: true })));
    expect(answers.map(({ kind }) => kind)).toEqual(['conflict', 'done']);
    expect((await world.logs.listSteps(id)).map((step) => [step.step, step.byteOffset, step.ended])).toEqual([
      ['clone', 2, false],
      ['build', 7, true],
    ]);
  });

  it('of many shards are stored in one flush, and a shard that is lost keeps out its own only', async () => {
    const lost = { ...fence, token: randomUUID() };
    await world.submit(await world.tenant());
    const other = await world.placed(dispatcher, await world.provider());
    const writes = [
      { fence: lost, batch: batch([line('late')], 0), ends: false },
      { fence: other.fence, batch: { ...batch([line('new')], 0), executionId: other.claimed.executionId }, ends: true },
    ];
    expect((await world.logs.write(writes)).map(({ kind }) => kind)).toEqual(['lease-lost', 'done']);
    expect(await world.logs.listSteps(id)).toEqual([]);
    expect(await world.logs.listSteps(other.claimed.executionId)).toMatchObject([{ byteOffset: 4, ended: true }]);
  });

  it.each([
    ['shard', 'SELECT 1 FROM cluster_shards WHERE token = $1 FOR UPDATE'],
    ['step', 'SELECT 1 FROM build_log_cursors WHERE token = $1 FOR UPDATE'],
  ])('of a %s that somebody locks are left out of a flush, and those of others are stored with it', async (_, lock) => {
    await world.submit(await world.tenant());
    const other = await world.placed(dispatcher, await world.provider());
    expect(await appendLog(world.logs, fence, [batch([line('before')], 0)])).toBe('done');
    const writes = [
      { fence, batch: batch([line('waits')], 7), ends: true },
      { fence: other.fence, batch: { ...batch([line('new')], 0), executionId: other.claimed.executionId }, ends: true },
    ];
    await world.database.transaction(async (tx) => {
      await tx.query(lock, [fence.token]);
      expect(await world.logs.write(writes)).toEqual([{ kind: 'locked' }, { kind: 'done' }]);
    });
    expect(await world.logs.write(writes)).toEqual([{ kind: 'done' }, { kind: 'done' }]);
    expect(await world.logs.listSteps(id)).toMatchObject([{ byteOffset: 13, ended: true }]);
  });

  it('end although the answer to the flush that held their last line was lost', async () => {
    const last = batch([line('last')], 0);
    expect(await appendLog(world.logs, fence, [last])).toBe('done');
    expect(await world.logs.write([{ fence, batch: last, ends: true }])).toEqual([{ kind: 'done' }]);
    expect(await world.logs.write([{ fence, batch: last, ends: true }])).toEqual([{ kind: 'done' }]);
    expect(await world.logs.listSteps(id)).toMatchObject([{ byteOffset: 5, ended: true }]);
  });

  it('take the same flush twice as once, and refuse other bytes in its place', async () => {
    const flush = batch([line('one'), line('two')], 0);
    expect(await appendLog(world.logs, fence, [flush])).toBe('done');
    expect(await appendLog(world.logs, fence, [flush])).toBe('done');
    expect(bytesOf((await read()).map((one) => one.record)).toString()).toBe('one\ntwo\n');
    expect(await appendLog(world.logs, fence, [batch([line('one'), line('TWO')], 0)])).toBe('conflict');
    expect(await appendLog(world.logs, fence, [batch([line('one')], 0)])).toBe('conflict');
    expect(await appendLog(world.logs, fence, [batch([line('x')], 99)])).toBe('conflict');
  });

  it('hold what was flushed twice two times when a flush takes any cursor for its own', async () => {
    const flush = async (): Promise<string> => {
      const { byteOffset } = await world.logs.cursor(id, STEP);
      return appendLog(world.logs, fence, [batch([line('one'), line('two')], byteOffset)]);
    };
    expect([await flush(), await flush()]).toEqual(['done', 'done']);
    expect(bytesOf((await read()).map((one) => one.record)).toString()).toBe('one\ntwo\none\ntwo\n');
  });

  it('have one winner when flushes of four processes meet at one cursor, before an adoption and after it', async () => {
    await appendLog(world.logs, fence, [batch([line('start')], 0)]);
    const next = await world.dispatcher();
    await world.kill(dispatcher);
    const request = { dispatcherId: next, providerId: provider, host: '', shards: [0], max: 1, judgedAt: new Date() };
    const writers = await Promise.all(
      Array.from({ length: 4 }, async () => new PostgresBuildLogs(await world.connectAgain(1))),
    );
    const racing = writers.map((logs, index) => appendLog(logs, fence, [batch([line(`${index}`)], 6)]));
    expect((await Promise.all(racing)).toSorted()).toEqual(['conflict', 'conflict', 'conflict', 'done']);
    const [adopted] = await world.leases.acquire(request);
    if (adopted === undefined) throw new Error('the shard was not adopted');
    const meeting = writers.map((logs, index) =>
      appendLog(logs, index === 1 ? adopted : fence, [batch([line(index === 1 ? 'next' : 'late')], 8)]),
    );
    expect(await Promise.all(meeting)).toEqual(['lease-lost', 'done', 'lease-lost', 'lease-lost']);
    expect(await endLogStep(world.logs, fence, id, STEP)).toBe('lease-lost');
    expect((await read()).map((one) => one.record).at(-1)).toMatchObject({ text: Buffer.from('next') });
  });

  it('take nothing after their end, and a step that never began ends empty', async () => {
    await appendLog(world.logs, fence, [batch([line('a')], 0)]);
    expect(await endLogStep(world.logs, fence, id, STEP)).toBe('done');
    expect(await endLogStep(world.logs, fence, id, STEP)).toBe('done');
    expect(await appendLog(world.logs, fence, [batch([line('b')], 2)])).toBe('conflict');
    expect(await endLogStep(world.logs, fence, id, CLONE)).toBe('done');
    expect(await world.logs.listSteps(id)).toMatchObject([
      { step: 'clone', ended: true, byteOffset: 0 },
      { step: 'build', ended: true, byteOffset: 2 },
    ]);
  });

  it('of an execution on another shard are not touched', async () => {
    await world.leases.ensureShards(provider, '', 2);
    const [other] = await world.leases.acquire({
      dispatcherId: dispatcher,
      providerId: provider,
      host: '',
      shards: [1],
      max: 1,
      judgedAt: undefined,
    });
    if (other === undefined) throw new Error('no shard');
    expect(await appendLog(world.logs, other, [batch([line('a')], 0)])).toBe('state-moved');
  });

  it('lie in partitions by day, made ahead and dropped whole', async () => {
    await Promise.all(Array.from({ length: 5 }, () => world.logs.ensurePartitions(3)));
    await appendLog(world.logs, fence, [batch([line('a')], 0)]);
    const partitions = await world.database.query('SELECT 1 FROM pg_inherits WHERE inhparent = $1::regclass', [
      'build_log_chunks',
    ]);
    expect(partitions).toHaveLength(5);
    expect(await world.logs.dropPartitionsBefore(day)).toHaveLength(1);
    expect(await read()).toHaveLength(1);
    expect(await world.logs.dropPartitionsBefore('2999-01-01')).toHaveLength(4);
    expect(await read()).toEqual([]);
    expect(await world.logs.listSteps(id)).toEqual([]);
  });

  it('leave no day behind whose process died after it was detached and before it was dropped', async () => {
    const days = ['20200101', '20200102'];
    for (const name of days) {
      await world.database.query(
        `CREATE TABLE build_log_chunks_${name} PARTITION OF build_log_chunks FOR VALUES FROM ('${name}') TO (date '${name}' + 1)`,
      );
      await world.database.query(`ALTER TABLE build_log_chunks DETACH PARTITION build_log_chunks_${name} CONCURRENTLY`);
    }
    expect(await world.logs.dropPartitionsBefore('2020-01-02')).toEqual(['2020-01-01']);
    expect(await world.logs.dropPartitionsBefore('2020-01-03')).toEqual(['2020-01-02']);
    const left = `SELECT 1 FROM pg_class WHERE relname = ANY ($1)`;
    expect(await world.database.query(left, [days.map((name) => `build_log_chunks_${name}`)])).toEqual([]);
  });
});
