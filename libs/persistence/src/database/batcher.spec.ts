import { DomainError } from '@image-factory/domain';
import { describe, expect, it } from 'vitest';
import { Batcher, batchSettings } from './batcher.js';
import { toDatabaseError } from './sql-state.js';

interface Call {
  readonly items: readonly string[];
  readonly answer: (error?: Error) => void;
}

/** Each write waits until the test answers it; an answer is the item itself, in capitals. */
function held(options: { most?: number; mostWaiting?: number; atOnce?: number } = {}) {
  const calls: Call[] = [];
  const begun: (() => void)[] = [];
  const batcher = new Batcher<string, string>({
    run: (items) =>
      new Promise((resolve, reject) => {
        const answer = (error?: Error): void =>
          error === undefined ? resolve(items.map((item) => item.toUpperCase())) : reject(error);
        calls.push({ items, answer });
        begun.shift()?.();
      }),
    keyOf: (item) => item.slice(0, 1),
    atOnce: 1,
    ...options,
  });
  const nextCall = (): Promise<void> => new Promise((resolve) => begun.push(resolve));
  return { batcher, calls, nextCall };
}

describe('Batcher', () => {
  it('writes together what was asked in one turn, and what comes meanwhile next', async () => {
    const { batcher, calls, nextCall } = held();
    const first = nextCall();
    const answers = [batcher.submit('a'), batcher.submit('b')];
    await first;
    const second = nextCall();
    answers.push(batcher.submit('c'), batcher.submit('d'));
    calls[0]?.answer();
    await second;
    calls[1]?.answer();
    expect(await Promise.all(answers)).toEqual(['A', 'B', 'C', 'D']);
    expect(calls.map(({ items }) => items)).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
  });

  it('keeps writes of one key apart and in their order, and a batch within its size', async () => {
    const { batcher, calls, nextCall } = held({ most: 2 });
    const answers = ['a1', 'a2', 'b1', 'b2', 'c1'].map((item) => batcher.submit(item));
    for (let index = 0; index < 3; index += 1) {
      if (calls[index] === undefined) await nextCall();
      calls[index]?.answer();
    }
    expect(await Promise.all(answers)).toEqual(['A1', 'A2', 'B1', 'B2', 'C1']);
    expect(calls.map(({ items }) => items)).toEqual([['a1', 'b1'], ['a2', 'b2'], ['c1']]);
  });

  it('goes on with others while one waits, but not with what that one holds', async () => {
    const { batcher, calls, nextCall } = held({ atOnce: 2 });
    const first = nextCall();
    const answers = [batcher.submit('a1')];
    await first;
    const second = nextCall();
    answers.push(batcher.submit('a2'), batcher.submit('b'));
    await second;
    calls[1]?.answer();
    expect(await answers[2]).toBe('B');
    expect(calls.map(({ items }) => items)).toEqual([['a1'], ['b']]);
    const third = nextCall();
    calls[0]?.answer();
    await third;
    calls[2]?.answer();
    expect(await Promise.all(answers)).toEqual(['A1', 'A2', 'B']);
    expect(calls[2]?.items).toEqual(['a2']);
  });

  it('puts equal items into one batch where there are no keys', async () => {
    const sizes: number[] = [];
    const batcher = new Batcher<string, number>({
      run: (items) => {
        sizes.push(items.length);
        return Promise.resolve(items.map((_item, index) => index));
      },
    });
    expect(await Promise.all(['a', 'a', 'a'].map((item) => batcher.submit(item)))).toEqual([0, 1, 2]);
    expect(sizes).toEqual([3]);
  });

  it('tells no answer before the write is over', async () => {
    const { batcher, calls, nextCall } = held();
    const begun = nextCall();
    let told = false;
    const answer = batcher.submit('a').then(() => (told = true));
    await begun;
    expect(told).toBe(false);
    calls[0]?.answer();
    expect(await answer).toBe(true);
  });

  it('lets a row that cannot be written fail its caller only', async () => {
    const batcher = new Batcher<string, string>({
      run: (items) => (items.includes('bad') ? Promise.reject(new Error('refused')) : Promise.resolve([...items])),
      keyOf: (item) => item,
    });
    const answers = await Promise.allSettled(['good', 'bad', 'fine'].map((item) => batcher.submit(item)));
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('tells every caller of a batch that the connection was lost, without a second write', async () => {
    const { batcher, calls, nextCall } = held();
    const begun = nextCall();
    const answers = Promise.allSettled([batcher.submit('a'), batcher.submit('b')]);
    await begun;
    const kind = 'Unavailable';
    calls[0]?.answer(new DomainError({ kind, reason: 'DatabaseUnavailable', message: 'gone' }));
    expect((await answers).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(calls).toHaveLength(1);
  });

  it('takes no more than may wait', async () => {
    const { batcher, calls, nextCall } = held({ mostWaiting: 2 });
    const begun = nextCall();
    const first = batcher.submit('a');
    await begun;
    const waiting = [batcher.submit('b'), batcher.submit('c')];
    await expect(batcher.submit('d')).rejects.toMatchObject({ reason: 'DatabaseUnavailable', retryable: true });
    const next = nextCall();
    calls[0]?.answer();
    await next;
    calls[1]?.answer();
    expect(await Promise.all([first, ...waiting])).toEqual(['A', 'B', 'C']);
  });

  it('finds a row that cannot be written by halves, not row by row', async () => {
    const sizes: number[] = [];
    const items = Array.from({ length: 128 }, (_none, index) => (index === 77 ? 'bad' : `${index}`));
    const batcher = new Batcher<string, string>({
      run: (some) => {
        sizes.push(some.length);
        return some.includes('bad') ? Promise.reject(new Error('refused')) : Promise.resolve([...some]);
      },
      atOnce: 1,
    });
    const answers = await Promise.allSettled(items.map((item) => batcher.submit(item)));
    expect(answers.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    expect(answers[77]?.status).toBe('rejected');
    expect(sizes).toHaveLength(1 + 2 * 7);
  });

  it.each(['55P03', '40P01'])(
    'lets a row that is in others’ way (%s) wait alone, and fail its caller only',
    async (code) => {
      const rounds: [string, number][] = [];
      const batcher = new Batcher<string, string>({
        run: (items, round) => {
          rounds.push([items.join(''), Number(/lock_timeout = (\d+)/.exec(batchSettings(round).join())?.[1])]);
          const error = toDatabaseError(Object.assign(new Error('locked'), { code }));
          return items.includes('X') ? Promise.reject(error) : Promise.resolve([...items]);
        },
        atOnce: 1,
      });
      const answers = await Promise.allSettled(['a', 'X', 'b', 'c'].map((item) => batcher.submit(item)));
      expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
      expect(answers[1]).toMatchObject({ reason: { reason: 'DatabaseUnavailable', retryable: true } });
      expect(rounds).toEqual([
        ['aXbc', 1000],
        ['aX', 500],
        ['a', 250],
        ['X', 250],
        ['bc', 500],
        ['X', 15_000],
      ]);
    },
  );

  it('goes on with batches while a row waits alone, one such row at a time, and keeps its key’s order', async () => {
    const begun: string[] = [];
    const waits = new Map<string, () => void>();
    const locked = toDatabaseError(Object.assign(new Error('locked'), { code: '55P03' }));
    const batcher = new Batcher<string, string>({
      run: async (items, { lockWaitMs }) => {
        begun.push(items.join());
        if (lockWaitMs > 1_000) await new Promise<void>((resolve) => waits.set(items.join(), resolve));
        else if (items.some((item) => item.startsWith('x') || item.startsWith('y'))) throw locked;
        return [...items];
      },
      keyOf: (item) => item.slice(0, 1),
    });
    const first = ['x1', 'y1', 'x2'].map((item) => batcher.submit(item));
    while (waits.size === 0) await new Promise(setImmediate);
    expect(await batcher.submit('a')).toBe('a');
    expect([...waits.keys()]).toEqual(['y1']);
    waits.get('y1')?.();
    while (waits.size === 1) await new Promise(setImmediate);
    expect([...waits.keys()]).toEqual(['y1', 'x1']);
    waits.get('x1')?.();
    while (waits.size === 2) await new Promise(setImmediate);
    waits.get('x2')?.();
    expect(await Promise.all(first)).toEqual(['x1', 'y1', 'x2']);
    expect(begun.indexOf('x2')).toBeGreaterThan(begun.lastIndexOf('x1'));
  });

  it('leaves nothing behind a row that waits alone which only the halved batch held', async () => {
    const waits: (() => void)[] = [];
    const halves: (() => void)[] = [];
    const locked = toDatabaseError(Object.assign(new Error('locked'), { code: '55P03' }));
    const batcher = new Batcher<string, string>({
      run: async (items, { lockWaitMs, isPart }) => {
        if (lockWaitMs > 1_000) await new Promise<void>((resolve) => waits.push(resolve));
        else if (items.some((item) => item.startsWith('x'))) {
          // The last half, behind the one whose answer is there already.
          if (isPart) await new Promise<void>((resolve) => halves.push(resolve));
          throw locked;
        }
        return [...items];
      },
      keyOf: (item) => item.slice(0, 1),
    });
    const first = ['y1', 'x1'].map((item) => batcher.submit(item));
    expect(await first[0]).toBe('y1');
    while (halves.length === 0) await new Promise(setImmediate);
    let told = false;
    const second = batcher.submit('y2').then(() => (told = true));
    // Its runner finds the key held, and ends.
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
    expect(told).toBe(false);
    halves[0]?.();
    while (waits.length === 0) await new Promise(setImmediate);
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
    expect(told).toBe(true);
    waits[0]?.();
    expect(await Promise.all([...first, second])).toEqual(['y1', 'x1', true]);
  });

  it('tells every caller that the answer to a COMMIT was lost, and writes nothing again by itself', async () => {
    const { batcher, calls, nextCall } = held();
    const begun = nextCall();
    const answers = Promise.allSettled([batcher.submit('a'), batcher.submit('b')]);
    await begun;
    const details = { commitUnknown: true };
    calls[0]?.answer(new DomainError({ kind: 'Unavailable', reason: 'DatabaseUnavailable', message: 'lost', details }));
    expect(await answers).toMatchObject([{ reason: { details } }, { reason: { details } }]);
    expect(calls).toHaveLength(1);
  });

  it('leaves nobody without an answer when the database is closed while a batch is under way', async () => {
    const { batcher, calls, nextCall } = held();
    const begun = nextCall();
    const first = batcher.submit('a1');
    await begun;
    const waiting = Promise.allSettled(['a2', 'b', 'c'].map((item) => batcher.submit(item)));
    const next = nextCall();
    calls[0]?.answer();
    expect(await first).toBe('A1');
    await next;
    calls[1]?.answer(new DomainError({ kind: 'Unavailable', reason: 'DatabaseUnavailable', message: 'closed' }));
    expect((await waiting).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    const late = nextCall();
    const again = batcher.submit('d');
    await late;
    calls[2]?.answer();
    expect(await again).toBe('D');
  });

  it('forgets nothing that is asked in the turn in which the last batch ends', async () => {
    const { batcher, calls, nextCall } = held();
    const begun = nextCall();
    const late = batcher.submit('a1').then(() => batcher.submit('a2'));
    await begun;
    const next = nextCall();
    calls[0]?.answer();
    await next;
    calls[1]?.answer();
    expect(await late).toBe('A2');
    expect(calls.map(({ items }) => items)).toEqual([['a1'], ['a2']]);
  });
});
