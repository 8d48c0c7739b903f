import { BatchedLogSink, LogBatcher } from '@image-factory/dispatcher';
import { DomainError, type LogRecord, type LogStep } from '@image-factory/domain';
import { PostgresBuildLogs, type LogAnswer, type LogWrite } from '@image-factory/persistence';
import { createSilentLogger, Metrics, systemClock } from '@image-factory/telemetry';
import { eventually } from '@image-factory/test-support';
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { QueueWorld } from './queue-world.js';

const STEP: LogStep = { task: 'build', step: 'build', ordinal: 101 };
const OTHER: LogStep = { task: 'clone', step: 'clone', ordinal: 1 };
const TIME = '2026-11-21T09:16:18.108643794Z';
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;
/** What one append may bring on top of a buffer that is almost full. */
const APPEND_BYTES = 1024 * 1024;
/** Lines of the long log; five million take half a minute (`IF_TEST_LOG_LINES=5000000`). */
const LINES = Number(process.env['IF_TEST_LOG_LINES'] ?? 300_000);

function line(text: Uint8Array | string): LogRecord {
  return { kind: 'line', time: TIME, text: typeof text === 'string' ? Buffer.from(text) : text, newline: true };
}

/** The log store with faults. */
class FaultyLogs extends PostgresBuildLogs {
  /** So many flushes take effect and lose their answers. */
  answersToLose = 0;
  refuses: (writes: readonly LogWrite[]) => boolean = () => false;
  /** Transactions that were asked for. */
  flushes = 0;

  override async write(writes: readonly LogWrite[]): Promise<LogAnswer[]> {
    this.flushes += 1;
    if (this.refuses(writes)) throw new DomainError({ kind: 'Internal', reason: 'Internal', message: 'refused' });
    const answers = await super.write(writes);
    if (this.answersToLose === 0) return answers;
    this.answersToLose -= 1;
    throw new DomainError({
      kind: 'Unavailable',
      reason: 'DatabaseUnavailable',
      message: 'no answer',
      retryable: true,
    });
  }
}

describe('the way of a log from its follower to the store', () => {
  let world: QueueWorld;
  let logs: FaultyLogs;
  let batcher: LogBatcher;
  let sink: BatchedLogSink;
  let executionId: string;
  let target: ConstructorParameters<typeof BatchedLogSink>[2];
  /** Pauses that the batcher asked for, in milliseconds. */
  let pauses: number[];

  beforeEach(async () => {
    world = await QueueWorld.open();
    await world.submit(await world.tenant());
    const { claimed, fence } = await world.placed(await world.dispatcher(), await world.provider());
    executionId = claimed.executionId;
    const row = await world.one<{ day: string }>('SELECT log_day AS day FROM build_executions WHERE id = $1', [
      executionId,
    ]);
    logs = new FaultyLogs(world.database);
    pauses = [];
    const clock: typeof systemClock = {
      now: () => systemClock.now(),
      monotonicMs: () => systemClock.monotonicMs(),
      sleep: (ms, signal) => {
        pauses.push(ms);
        return systemClock.sleep(ms, signal);
      },
    };
    batcher = new LogBatcher(
      { logs, mayWrite: () => true, clock, logger: createSilentLogger(), metrics: new Metrics() },
      {
        flushBytes: 64 * 1024,
        flushAfterMs: 20,
        flushGapMs: 5,
        maxBufferedBytes: MAX_BUFFERED_BYTES,
        maxBatchBytes: 2 * 1024 * 1024,
      },
    );
    target = { executionId, day: row.day, fence };
    sink = new BatchedLogSink(batcher, logs, target, 1024 * 1024 * 1024);
  });
  afterEach(async () => {
    await batcher.close(0);
    await world.close();
  });

  function anotherReader(): BatchedLogSink {
    return new BatchedLogSink(batcher, logs, { ...target }, 1024 * 1024 * 1024);
  }

  it('takes no line of a reader that was told to stop, once another has opened the step under the same lease', async () => {
    await sink.cursor(STEP);
    const next = anotherReader();
    await next.cursor(STEP);
    await expect(sink.append(STEP, [line('repeated')])).rejects.toMatchObject({ reason: 'LeaseLost' });
    await next.append(STEP, [line('repeated')]);
    await next.end(STEP);
    const records: LogRecord[] = [];
    for await (const record of stored(STEP)) records.push(record);
    expect(records).toHaveLength(1);
  });

  it('does not end a step of which lines were accepted and are gone', async () => {
    await sink.cursor(STEP);
    await sink.append(STEP, [line('accepted')]);
    batcher.forget(executionId, target.fence.token);
    await expect(sink.end(STEP)).rejects.toMatchObject({ reason: 'LeaseLost' });
    expect((await logs.cursor(executionId, STEP)).ended).toBe(false);
  });

  it('forgets what stood under an earlier lease only', async () => {
    await sink.cursor(STEP);
    await sink.append(STEP, [line('kept')]);
    batcher.forget(executionId, 'a lease that is over');
    await sink.end(STEP);
    expect((await logs.cursor(executionId, STEP)).byteOffset).toBe(5);
  });

  async function* stored(step: LogStep): AsyncGenerator<LogRecord> {
    for await (const { record } of logs.read({ executionId, step })) yield record;
  }

  /** Length and hash of what is stored; whatever its size, little of it is in memory. */
  async function digestOf(records: AsyncIterable<LogRecord> | Iterable<LogRecord>): Promise<object> {
    const hash = createHash('sha256');
    let lines = 0;
    let gaps = 0;
    for await (const record of records) {
      if (record.kind === 'gap') gaps += 1;
      else hash.update(record.text).update(record.newline ? '\n' : '');
      lines += record.kind === 'line' ? 1 : 0;
    }
    return { lines, gaps, hash: hash.digest('hex') };
  }

  function* longLog(): Generator<LogRecord> {
    for (let n = 0; n < LINES; n += 1) yield line(n % 3 === 0 ? '' : `#${n} COPY \u0000 file-${n} to layer`);
  }

  it(
    'keeps memory bounded and loses no line of a long log, empty lines and NUL bytes among them',
    { timeout: 300_000 },
    async () => {
      await sink.cursor(STEP);
      let mostBufferedBytes = 0;
      let records: LogRecord[] = [];
      for (const record of longLog()) {
        records.push(record);
        if (records.length < 1_000) continue;
        await sink.append(STEP, records);
        mostBufferedBytes = Math.max(mostBufferedBytes, batcher.bufferedBytes);
        records = [];
      }
      await sink.append(STEP, records);
      await sink.end(STEP);
      expect(mostBufferedBytes).toBeLessThan(MAX_BUFFERED_BYTES + APPEND_BYTES);
      expect(await digestOf(stored(STEP))).toEqual(await digestOf(longLog()));
    },
  );

  it('weighs lines that have no text, so that a store which takes nothing makes their follower wait', async () => {
    logs.refuses = () => true;
    await sink.cursor(STEP);
    const empty = Array.from({ length: 1_000 }, () => line(''));
    let appended = 0;
    const following = (async () => {
      for (; appended < 1_000; appended += 1) await sink.append(STEP, empty);
    })();
    await eventually('the follower waits', () => batcher.bufferedBytes >= MAX_BUFFERED_BYTES);
    expect(appended).toBeLessThan(100);
    logs.refuses = () => false;
    await following;
    await sink.end(STEP);
    expect(await digestOf(stored(STEP))).toMatchObject({ lines: 1_000_000 });
  });

  it('takes a line of 10 MB whole, and lines before and after it', async () => {
    const long = Buffer.alloc(10 * 1024 * 1024, 'x').fill(0, 1_000, 2_000);
    const records = [line('before'), line(long), line('after')];
    await sink.cursor(STEP);
    for (const record of records) await sink.append(STEP, [record]);
    await sink.end(STEP);
    expect(await digestOf(stored(STEP))).toEqual(await digestOf(records));
  });

  it('stores what a lost answer left in doubt once, with what came meanwhile, and reads nothing anew', async () => {
    await sink.cursor(STEP);
    logs.answersToLose = 3;
    await sink.append(STEP, [line('in doubt')]);
    await eventually('its answer was lost', () => logs.answersToLose < 3);
    await sink.append(STEP, [line('meanwhile')]);
    await sink.end(STEP);
    expect(await digestOf(stored(STEP))).toEqual(await digestOf([line('in doubt'), line('meanwhile')]));
  });

  it('stores the steps of a shard although the store refuses one of them', async () => {
    await sink.cursor(STEP);
    await sink.cursor(OTHER);
    logs.refuses = (writes) => writes.some(({ batch }) => batch.step.task === OTHER.task);
    await sink.append(OTHER, [line('refused')]);
    await sink.append(STEP, [line('stored')]);
    await sink.end(STEP);
    expect(await digestOf(stored(STEP))).toEqual(await digestOf([line('stored')]));
    logs.refuses = () => false;
    await sink.end(OTHER);
    expect(await digestOf(stored(OTHER))).toEqual(await digestOf([line('refused')]));
  });

  it('pauses no longer and longer for all while the store refuses one step', async () => {
    await sink.cursor(STEP);
    await sink.cursor(OTHER);
    logs.refuses = (writes) => writes.some(({ batch }) => batch.step.task === OTHER.task);
    await sink.append(OTHER, [line('refused')]);
    for (let count = 1; count <= 8; count += 1) {
      await sink.append(STEP, [line('stored')]);
      const isStored = async (): Promise<boolean> => (await logs.cursor(executionId, STEP)).lineOffset === count;
      await eventually('the mate is stored', isStored);
    }
    expect(Math.max(...pauses)).toBeLessThanOrEqual(500);
  });

  it('stores the logs of a shard while somebody keeps the lock of another', async () => {
    await world.submit(await world.tenant());
    const { claimed, fence } = await world.placed(await world.dispatcher(), await world.provider());
    const free = { executionId: claimed.executionId, day: target.day, fence };
    const freeSink = new BatchedLogSink(batcher, logs, free, 1024 * 1024 * 1024);
    await sink.cursor(STEP);
    await freeSink.cursor(STEP);
    const startedMs = performance.now();
    await world.database.transaction(async (tx) => {
      await tx.query('SELECT 1 FROM cluster_shards WHERE token = $1 FOR UPDATE', [target.fence.token]);
      await sink.append(STEP, [line('waits')]);
      for (let count = 1; count <= 10; count += 1) {
        await freeSink.append(STEP, [line('goes on')]);
        const isStored = async (): Promise<boolean> => (await logs.cursor(free.executionId, STEP)).lineOffset === count;
        await eventually('the free shard’s log is stored', isStored);
      }
    });
    // A second is how long a flush would wait for a lock.
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    await sink.end(STEP);
    expect(await digestOf(stored(STEP))).toEqual(await digestOf([line('waits')]));
  });

  it('ends many steps in few flushes, whoever asks while one is under way', async () => {
    const steps = Array.from({ length: 100 }, (_, n) => ({ task: 'build', step: `step${n}`, ordinal: n }));
    for (const step of steps) await sink.cursor(step);
    await Promise.all(
      steps.map(async (step) => {
        await sink.append(step, [line(step.step)]);
        await sink.end(step);
      }),
    );
    expect((await logs.listSteps(executionId)).filter(({ ended }) => ended)).toHaveLength(100);
    expect(logs.flushes).toBeLessThan(5);
  });

  it('ends a step that never began, and ends none twice', async () => {
    await sink.end(STEP);
    expect((await logs.cursor(executionId, STEP)).ended).toBe(true);
    await anotherReader().end(STEP);
    await sink.end(STEP);
    expect(logs.flushes).toBe(1);
  });

  it('is read in few requests, although a live log was stored in many small chunks', async () => {
    await sink.cursor(STEP);
    const lines = Array.from({ length: 300 }, (_, n) => line(`line ${n}`));
    for (const one of lines) {
      await sink.append(STEP, [one]);
      await batcher.settle(executionId, 10_000);
    }
    const reader = new CountingReads(world);
    expect(await digestOf(reader.read(STEP, executionId))).toEqual(await digestOf(lines));
    expect(reader.requests).toBeLessThan(6);
  });
});

/** Counts the statements of one reading. */
class CountingReads {
  requests = 0;

  constructor(private readonly world: QueueWorld) {}

  async *read(step: LogStep, executionId: string): AsyncGenerator<LogRecord> {
    const { database } = this.world;
    const query = database.query.bind(database);
    database.query = (...parameters: Parameters<typeof query>) => {
      this.requests += 1;
      return query(...parameters);
    };
    for await (const { record } of new PostgresBuildLogs(database).read({ executionId, step })) yield record;
    database.query = query;
  }
}
