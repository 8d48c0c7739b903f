import { DomainError } from '@image-factory/domain';
import { describe, expect, it } from 'vitest';
import { MovedClock } from './moved-clock.fixture.js';
import { type EndingValue, RenewedValue } from './renewed-value.js';

const MINUTE = 60_000;

interface World {
  readonly clock: MovedClock;
  readonly value: RenewedValue<string>;
  readonly loads: number[];
  /** What the next loads do; the default gives `value-N`, good for 15 minutes. */
  load: (count: number) => Promise<EndingValue<string>>;
}

function world(random = (): number => 0.5): World {
  const clock = new MovedClock();
  const loads: number[] = [];
  const made: World = {
    clock,
    loads,
    load: async (count) => ({ value: `value-${count}`, expiresAt: in15(clock) }),
    value: new RenewedValue({
      name: 'the token of a cluster',
      clock,
      random,
      load: () => {
        loads.push(clock.monotonicMs());
        return made.load(loads.length);
      },
    }),
  };
  return made;
}

function in15(clock: MovedClock): Date {
  return new Date(clock.now().getTime() + 15 * MINUTE);
}

function refusal(retryable: boolean, retryAfterSeconds?: number): DomainError {
  return new DomainError({
    kind: 'Unavailable',
    reason: retryable ? 'CloudThrottled' : 'CloudAccessDenied',
    message: 'refused',
    retryable,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a renewed value', () => {
  it('is loaded once for all that ask at the same time', async () => {
    const { value, loads } = world();
    const read = await Promise.all(Array.from({ length: 100 }, () => value.read()));
    expect(new Set(read)).toEqual(new Set(['value-1']));
    expect(loads).toHaveLength(1);
  });

  it.each([
    [0, 9],
    [0.999_999, 12],
  ])(
    'is renewed behind its readers with jitter: at %f of the span, after %d minutes of 15',
    async (random, minutes) => {
      const { value, loads, clock } = world(() => random);
      await value.read();
      await clock.advance(minutes * MINUTE - 1_000);
      expect(await value.read()).toBe('value-1');
      expect(loads).toHaveLength(1);
      await clock.advance(1_000);
      expect(await value.read()).toBe('value-1');
      await settled();
      expect(loads).toHaveLength(2);
      expect(await value.read()).toBe('value-2');
    },
  );

  it('is not given after its end, by the monotonic or by the wall clock', async () => {
    for (const end of [
      (clock: MovedClock) => clock.advance(15 * MINUTE),
      (clock: MovedClock) => clock.jump(15 * MINUTE),
    ]) {
      const { value, clock } = world();
      await value.read();
      await end(clock);
      expect(await value.read()).toBe('value-2');
    }
  });

  it('is not given longer when the wall clock is set back', async () => {
    const { value, clock } = world();
    await value.read();
    await clock.jump(-60 * MINUTE);
    await clock.advance(15 * MINUTE);
    expect(await value.read()).toBe('value-2');
  });

  it('loads nothing while nobody asks', async () => {
    const { value, loads, clock } = world();
    await value.read();
    await clock.advance(24 * 60 * MINUTE);
    expect(loads).toHaveLength(1);
    expect(clock.sleeping).toBe(0);
  });

  it('is asked ever less often by a source that gives the same again until it ends', async () => {
    const made = world();
    const expiresAt = in15(made.clock);
    made.load = async () => ({ value: 'same', expiresAt });
    for (let second = 0; second < 14 * 60; second += 1) {
      await made.value.read();
      await made.clock.advance(1_000);
    }
    expect(made.loads.length).toBeLessThan(10);
  });
});

describe('a renewal that fails', () => {
  it('is not repeated before its back-off is over, and the failure says when', async () => {
    const made = world();
    made.load = async () => Promise.reject(refusal(true));
    for (let count = 0; count < 1_000; count += 1) {
      await expect(made.value.read()).rejects.toMatchObject({ reason: 'CloudThrottled', retryAfterSeconds: 1 });
    }
    expect(made.loads).toHaveLength(1);
    await made.clock.advance(1_000);
    await expect(made.value.read()).rejects.toThrow();
    expect(made.loads).toHaveLength(2);
  });

  it('backs off twice as long each time up to a minute, and longer at once when trying again is hopeless', async () => {
    for (const [retryable, most] of [
      [true, 12],
      [false, 8],
    ] as const) {
      const made = world(() => 1);
      made.load = async () => Promise.reject(refusal(retryable));
      for (let second = 0; second < 300; second += 1) {
        await made.value.read().catch(() => undefined);
        await made.clock.advance(1_000);
      }
      const gaps = made.loads.slice(1).map((at, index) => at - (made.loads[index] ?? 0));
      expect(made.loads.length).toBeLessThanOrEqual(most);
      expect(gaps[0]).toBeGreaterThanOrEqual(retryable ? 1_000 : 15_000);
      expect(Math.max(...gaps)).toBeLessThanOrEqual(61_000);
    }
  });

  it('waits as long as it was told to', async () => {
    const made = world();
    made.load = async () => Promise.reject(refusal(true, 120));
    await expect(made.value.read()).rejects.toMatchObject({ retryAfterSeconds: 120 });
    await made.clock.advance(119_000);
    await expect(made.value.read()).rejects.toThrow();
    expect(made.loads).toHaveLength(1);
  });

  it('leaves the held value in use until it ends, and is over when one succeeds', async () => {
    const made = world();
    await made.value.read();
    const good = made.load;
    made.load = async () => Promise.reject(refusal(true));
    await made.clock.advance(12 * MINUTE);
    expect(await made.value.read()).toBe('value-1');
    await settled();
    expect(made.value.view()).toMatchObject({ renewals: 1, failures: 1, failure: 'CloudThrottled' });
    made.load = good;
    await made.clock.advance(2_000);
    expect(await made.value.read()).toBe('value-1');
    await settled();
    expect(await made.value.read()).toBe('value-3');
    expect(made.value.view()).toMatchObject({ renewals: 2, failure: undefined });
  });

  it('ends at its time limit when the source never answers, and tells the source', async () => {
    const clock = new MovedClock();
    let told = false;
    const value = new RenewedValue<string>({
      name: 'the token of a cluster',
      clock,
      load: (signal) => {
        signal.addEventListener('abort', () => (told = true));
        return new Promise(() => undefined);
      },
    });
    const read = expect(value.read()).rejects.toMatchObject({ kind: 'DeadlineExceeded', reason: 'CloudUnavailable' });
    await clock.advance(20_000);
    await read;
    expect(told).toBe(true);
  });

  it('tells nothing of an error that is not ours', async () => {
    const made = world();
    made.load = async () => Promise.reject(new Error('Bearer canary-secret'));
    const error = await made.value.read().catch((one: unknown) => one as DomainError);
    expect(JSON.stringify(error) + String(error)).not.toContain('canary');
  });

  it('is a failure when what comes has already ended', async () => {
    const made = world();
    made.load = async () => ({ value: 'dead', expiresAt: made.clock.now() });
    await expect(made.value.read()).rejects.toMatchObject({ reason: 'CloudUnavailable' });
  });
});

describe('a value that is refused', () => {
  it('is replaced once, however many were refused with it', async () => {
    const { value, loads, clock } = world();
    const refused = await value.read();
    await clock.advance(2 * MINUTE);
    const answers = await Promise.all(Array.from({ length: 50 }, () => value.invalidate(refused)));
    expect(answers.every(Boolean)).toBe(true);
    expect(await value.read()).toBe('value-2');
    expect(loads).toHaveLength(2);
  });

  it('is not replaced while it is young: another would say the same', async () => {
    const { value, loads } = world();
    expect(await value.invalidate(await value.read())).toBe(false);
    expect(loads).toHaveLength(1);
  });

  it('is replaced ever less often while every new one is refused, until one is accepted', async () => {
    const { value, loads, clock } = world();
    for (let second = 0; second < 3_600; second += 10) {
      await value.invalidate(await value.read());
      await clock.advance(10_000);
    }
    expect(loads.length).toBeLessThan(12);
    value.accepted();
    await clock.advance(MINUTE);
    expect(await value.invalidate(await value.read())).toBe(true);
  });
});
