import {
  ClusterPressure,
  PRESSURE_DEFAULTS,
  type PressureOptions,
  type RequestClass,
  type RequestOutcome,
} from '@image-factory/cluster-connectors';
import { DomainError, isDomainError, type Reason } from '@image-factory/domain';
import { FakeClock } from '@image-factory/test-support';
import { beforeEach, describe, expect, it } from 'vitest';

/** Virtual time: nothing here waits. */
let clock: FakeClock;

beforeEach(() => {
  clock = new FakeClock();
});

const pressure = (given: Partial<PressureOptions> = {}): ClusterPressure =>
  new ClusterPressure({ ...PRESSURE_DEFAULTS, ...given }, clock);

const idle = new AbortController().signal;
const pressed = (requestClass: RequestClass, signal: AbortSignal = idle) => ({
  requestClass,
  stream: false,
  signal,
  isStopped: () => signal.aborted,
});

/** Takes so long and is answered. */
const answer = (ms: number) => async (): Promise<'answered'> => {
  await clock.sleep(ms);
  return 'answered';
};

/** Takes so long and is not. */
const noAnswer =
  (ms: number, reason: Reason = 'ClusterUnreachable', outcome: RequestOutcome = 'unknown') =>
  async (): Promise<never> => {
    await clock.sleep(ms);
    throw new DomainError({
      kind: 'Unavailable',
      reason,
      message: 'no answer',
      fault: 'cluster',
      retryable: true,
      details: { outcome },
    });
  };

const atOnce = (): Promise<void> => Promise.resolve();

const never = (): Promise<never> => new Promise(() => undefined);

async function refusal(work: Promise<unknown>): Promise<DomainError> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return isDomainError(error) ? error : expect.unreachable('it was not refused');
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the pressure on one cluster', () => {
  it('refuses with notSent what got no turn within its wait, and says when to come again', async () => {
    const one = pressure({ floorPerSecond: 0.01, ceilingPerSecond: 0.01 });
    await one.run(pressed('create'), atOnce);
    let sent = false;
    const late = refusal(one.run(pressed('create'), async () => (sent = true)));
    await clock.advance(PRESSURE_DEFAULTS.maxWaitMs);
    expect(await late).toMatchObject({ kind: 'Unavailable', reason: 'ClusterThrottled', retryable: true });
    expect((await late).details['outcome']).toBe('notSent');
    expect((await late).retryAfterSeconds).toBeGreaterThan(0);
    expect(sent).toBe(false);
    expect(one.view().classes.create).toMatchObject({ granted: 1, refused: 1, waiting: 0, inFlight: 0 });
  });

  it('bounds how many wait, in every class', async () => {
    const one = pressure();
    for (let index = 0; index < 500; index += 1) void one.run(pressed('create'), never).catch(() => undefined);
    await settle();
    expect(one.view().classes.create.waiting).toBe(100);
    expect(await refusal(one.run(pressed('create'), never))).toMatchObject({ reason: 'ClusterThrottled' });
  });

  it('lets a cancel through at once while creates fill every slot that is not reserved', async () => {
    const one = pressure();
    for (let index = 0; index < 100; index += 1) void one.run(pressed('create'), never).catch(() => undefined);
    await expect(one.run(pressed('stop'), () => Promise.resolve('stopped'))).resolves.toBe('stopped');
    await expect(one.run(pressed('probe'), () => Promise.resolve('alive'))).resolves.toBe('alive');
  });

  it('forgets one that is stopped while it waits', async () => {
    const one = pressure({ floorPerSecond: 0.01, ceilingPerSecond: 0.01 });
    await one.run(pressed('logs'), atOnce);
    const stop = new AbortController();
    const stopped = one.run(pressed('logs', stop.signal), never);
    stop.abort(new Error('stopped'));
    await expect(stopped).rejects.toThrow('stopped');
    expect(one.view().classes.logs.waiting).toBe(0);
  });

  it('sends nothing but probes once requests fail in a row, and refuses those that wait with the reason', async () => {
    // Five tokens, one more every 200 ms.
    const one = pressure({ floorPerSecond: 5, ceilingPerSecond: 10 });
    const failing = Array.from({ length: 5 }, () => refusal(one.run(pressed('create'), noAnswer(100))));
    const sent: string[] = [];
    const waiting = refusal(one.run(pressed('create'), async () => sent.push('create')));
    await settle();
    await clock.advance(100);
    await Promise.all(failing);
    expect(one.view().breaker).toBe('open');
    expect(await waiting).toMatchObject({ reason: 'ClusterUnreachable', details: { outcome: 'notSent' } });
    expect(await refusal(one.run(pressed('stop'), async () => sent.push('stop')))).toMatchObject({
      reason: 'ClusterUnreachable',
    });
    expect(sent).toEqual([]);
    const probe = one.run(pressed('probe'), async () => sent.push('probe'));
    await clock.advance(500);
    await probe;
    expect(one.view().breaker).toBe('closed');
    await one.run(pressed('stop'), async () => sent.push('stop'));
    expect(sent).toEqual(['probe', 'stop']);
  });

  it.each([
    ['fail', noAnswer(10)],
    ['are refused for load', noAnswer(10, 'ClusterThrottled', 'refused')],
    ['take long', answer(10_000)],
  ])('learns nothing from logs that %s: a node answers for them', async (_how, work) => {
    const one = pressure();
    for (let index = 0; index < 6; index += 1) {
      const done = one.run(pressed('logs'), work).catch(() => undefined);
      await settle();
      await clock.advance(10_000);
      await done;
    }
    expect(one.view()).toMatchObject({ breaker: 'closed', ratePerSecond: 250 });
  });

  it('learns from logs that could not be sent', async () => {
    const one = pressure();
    const failing = Array.from({ length: 5 }, () =>
      refusal(one.run(pressed('logs'), noAnswer(10, 'ClusterUnreachable', 'notSent'))),
    );
    await settle();
    await clock.advance(10);
    await Promise.all(failing);
    expect(one.view().breaker).toBe('open');
  });

  it('learns nothing from a request that its caller stopped', async () => {
    const one = pressure();
    for (let index = 0; index < 20; index += 1) {
      const stop = new AbortController();
      const work = refusal(one.run(pressed('status', stop.signal), noAnswer(10)));
      await settle();
      stop.abort(new Error('stopped'));
      await clock.advance(10);
      await work;
    }
    expect(one.view()).toMatchObject({ breaker: 'closed', ratePerSecond: 250 });
  });
});

/** What the dispatcher shares between clusters: so many placements under way at once. */
const SHARED = 200;
const CLUSTERS = 10;
const SECONDS = 30;
/** Builds that are claimed for each cluster in a second, and back in the queue for so long when they are refused. */
const PER_SECOND = 20;
const PARK_SECONDS = 2;

type First = 'well' | 'slow' | 'dead';

/**
 * A dispatcher that places on ten clusters, in virtual time. Each second builds are claimed for all of them in turn, as
 * far as the shared room reaches; one is four requests of 20 ms. What is refused is parked, as PlaceBuild does.
 */
class VirtualDispatcher {
  readonly done = Array.from({ length: CLUSTERS }, () => 0);
  readonly #clusters = Array.from({ length: CLUSTERS }, () => pressure());
  readonly #queue: number[] = [];
  readonly #parked: { readonly cluster: number; readonly until: number }[] = [];
  #placing = 0;
  /** Seconds of shared room that the first cluster has taken. */
  spentMs = 0;

  constructor(private readonly first: First) {}

  async run(): Promise<void> {
    for (let second = 0; second < SECONDS; second += 1) {
      for (let index = 0; index < CLUSTERS * PER_SECOND; index += 1) this.#queue.push(index % CLUSTERS);
      for (const one of this.#parked.filter(({ until }) => until === second)) this.#queue.push(one.cluster);
      this.#claim(second);
      for (let step = 0; step < 20; step += 1) {
        await settle();
        await clock.advance(50);
        this.#claim(second);
      }
    }
  }

  #claim(second: number): void {
    while (this.#placing < SHARED) {
      const cluster = this.#queue.shift();
      if (cluster === undefined) return;
      void this.#place(cluster, second);
    }
  }

  async #place(cluster: number, second: number): Promise<void> {
    const beganMs = clock.monotonicMs();
    this.#placing += 1;
    try {
      for (let step = 0; step < 4; step += 1)
        await this.#clusters[cluster]?.run(pressed('create'), this.#request(cluster));
      this.done[cluster] = (this.done[cluster] ?? 0) + 1;
    } catch {
      this.#parked.push({ cluster, until: second + PARK_SECONDS });
    }
    this.#placing -= 1;
    if (cluster === 0) this.spentMs += clock.monotonicMs() - beganMs;
  }

  #request(cluster: number): () => Promise<unknown> {
    if (cluster > 0 || this.first === 'well') return answer(20);
    return this.first === 'slow' ? answer(10_000) : noAnswer(15_000);
  }
}

async function dispatchOn(first: First): Promise<{ others: number; spent: number }> {
  clock = new FakeClock();
  const dispatcher = new VirtualDispatcher(first);
  await dispatcher.run();
  const others = dispatcher.done.slice(1).reduce((sum, count) => sum + count, 0);
  return { others, spent: dispatcher.spentMs / (SHARED * SECONDS * 1000) };
}

describe('a cluster that is not well', () => {
  it.each(['slow', 'dead'] as const)('costs the others less than a twentieth when it is %s', async (state) => {
    const control = await dispatchOn('well');
    const beside = await dispatchOn(state);
    expect(control.others).toBeGreaterThan(0.95 * (CLUSTERS - 1) * PER_SECOND * SECONDS);
    expect(beside.others / control.others).toBeGreaterThan(0.95);
    expect(beside.spent).toBeLessThan(0.05);
  });
});
