import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import {
  Clock,
  DomainError,
  isDomainError,
  LogSink,
  type LogCursor,
  type LogRecord,
  type LogStep,
} from '@image-factory/domain';
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
  /** What the reader says. */
  readWhole: boolean | undefined;

  /** @param lastTime of the one line that is stored before */
  constructor(private readonly lastTime?: string) {
    super();
  }

  override cursor(): Promise<LogCursor> {
    const { lastTime } = this;
    const lastTimeCount = lastTime === undefined ? 0 : 1;
    return Promise.resolve({ byteOffset: 0, lineOffset: 0, lastTime, lastTimeCount, ended: false });
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

const LINE = Buffer.from('2026-11-21T09:00:00.000000001Z all of it\n');

/** What the API server says to one request after the other; an error is thrown. */
type Answer = Readable | DomainError;

async function readWith(source: LogSource, answers: Answer[], sink = new KeptLog()): Promise<KeptLog> {
  const stream = () => {
    const answer = answers.shift();
    if (answer === undefined || isDomainError(answer)) return Promise.reject(answer ?? new Error('asked too often'));
    return Promise.resolve({ status: 200, headers: {}, body: answer });
  };
  sink.readWhole = await readStepLog({
    connection: () => ({ stream }) as unknown as ClusterConnection,
    source,
    step: { task: 'build', step: 'build', ordinal: 1 },
    sink,
    clock: new HastyClock(),
    signal: AbortSignal.timeout(5_000),
    onLines: () => undefined,
  });
  return sink;
}

function refused(reason: 'ObjectNotFound' | 'ObjectInvalid'): DomainError {
  return new DomainError({ kind: 'NotFound', reason, message: 'no', fault: 'cluster' });
}

function told(sink: KeptLog): string[] {
  return sink.records.map((record) => (record.kind === 'line' ? Buffer.from(record.text).toString() : record.reason));
}

/** Seen to run so often, and then over. */
function runningFor(looks: number): LogSource {
  let left = looks;
  return { ...OVER, sight: () => (left-- > 0 ? 'running' : 'over') };
}

/** Taken for gone at the first look, then running, then over. */
function missedOnce(): LogSource {
  const sights: ReturnType<LogSource['sight']>[] = ['gone', 'running', 'running'];
  return { ...OVER, sight: () => sights.shift() ?? 'over' };
}

const silent = (): Readable => new Readable({ read: () => undefined });

describe('the log of a container that is over', () => {
  it('is read again when an answer stalls on a connection that stays open', async () => {
    const sink = await readWith(OVER, [silent(), Readable.from([LINE])]);
    expect(told(sink)).toEqual(['all of it']);
    expect(sink.ended).toBe(true);
  });

  it.each([
    ['its pod is gone', 'ObjectNotFound', 'PodDeleted'],
    ['its node has no log of it', 'ObjectInvalid', 'LogGap'],
  ] as const)('has a gap when %s before it was read', async (_what, reason, gap) => {
    const sink = await readWith(OVER, [refused(reason)]);
    expect(told(sink)).toEqual([gap]);
    expect(sink).toMatchObject({ ended: true, readWhole: false });
  });

  it('is read on when its pod was taken for gone and its log could be read all the same', async () => {
    const empty = () => Readable.from([]);
    const sink = await readWith(missedOnce(), [empty(), Readable.from([LINE]), empty(), empty()]);
    expect(told(sink)).toEqual(['all of it']);
  });

  it.each([
    ['answers with its own words', 'unable to retrieve container logs for containerd://b99a'],
    ['answers with nothing', ''],
    ['has only what came before', '2026-11-21T08:59:59.000000001Z before'],
  ])('has a gap when a part is stored and the node then %s', async (_what, said) => {
    const stored = new KeptLog('2026-11-21T09:00:00.000000001Z');
    const sink = await readWith(OVER, [Readable.from(said === '' ? [] : [Buffer.from(said)])], stored);
    expect(told(sink)).toEqual(['LogGap']);
    expect(sink.ended).toBe(true);
  });

  it('is not whole when the node answers with its own words', async () => {
    const sink = await readWith(OVER, [Readable.from([Buffer.from('unable to retrieve container logs')])]);
    expect(sink).toMatchObject({ ended: true, readWhole: false });
  });

  it('has no gap when what is stored is all that there is', async () => {
    const stored = new KeptLog('2026-11-21T09:00:00.000000001Z');
    const sink = await readWith(OVER, [Readable.from([LINE])], stored);
    expect(told(sink)).toEqual([]);
    expect(sink.readWhole).toBe(false);
  });

  it('is whole when its stream had ended by itself', async () => {
    const sink = await readWith(runningFor(1), [Readable.from([LINE]), refused('ObjectNotFound')]);
    expect(told(sink)).toEqual(['all of it']);
    expect(sink.readWhole).toBe(true);
  });

  it('has a gap when its stream ended within a line', async () => {
    const cut = Readable.from([LINE, Buffer.from('2026-11-21T09:00:00.000000002Z and')]);
    const sink = await readWith(runningFor(1), [cut, refused('ObjectNotFound')]);
    expect(told(sink)).toEqual(['all of it', 'PodDeleted']);
  });

  it('has a gap when the last stream was only silent while it ran', async () => {
    const sink = await readWith(runningFor(Number.POSITIVE_INFINITY), [
      Readable.from([LINE]),
      silent(),
      refused('ObjectNotFound'),
    ]);
    expect(told(sink)).toEqual(['all of it', 'PodDeleted']);
  });
});
