import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CHANNELS, Notifier, type Subscription } from '@image-factory/persistence';
import { eventually } from '@image-factory/test-support';
import { QueueWorld } from './queue-world.js';

interface Heard {
  readonly channel: string;
  readonly keys: readonly string[];
  readonly atMs: number;
}

/** Far longer than a test may take: what waits for it is never heard. */
const NEVER_MS = 60_000;

describe('notifications', () => {
  let world: QueueWorld;
  let subscription: Subscription;
  const heard: Heard[] = [];

  beforeEach(async () => {
    heard.length = 0;
    world = await QueueWorld.open(2);
    subscription = await world.database.listen(Object.values(CHANNELS), (channel, payload) => {
      heard.push({ channel, keys: payload.split(','), atMs: performance.now() });
    });
  });
  afterEach(async () => {
    await subscription.close();
    await world.close();
  });

  const hears = (key: string): Promise<Heard> =>
    eventually(`${key} is heard`, () => heard.find(({ keys }) => keys.includes(key)));

  it('wake an idle dispatcher at once, although a view was refreshed just before', async () => {
    const notifier = new Notifier(world.database, { debounceMs: NEVER_MS });
    notifier.touch(CHANNELS.events, 'first');
    await hears('first');
    notifier.touch(CHANNELS.logs, 'second');
    notifier.touch(CHANNELS.queue, 'tenant');
    expect((await hears('tenant')).channel).toBe(CHANNELS.queue);
    expect((await hears('second')).channel).toBe(CHANNELS.logs);
  });

  it('wake at once again and again while enqueues are few', async () => {
    const notifier = new Notifier(world.database, { debounceMs: NEVER_MS });
    for (let enqueue = 0; enqueue < 30; enqueue += 1) {
      notifier.touch(CHANNELS.queue, `tenant-${enqueue}`);
      await hears(`tenant-${enqueue}`);
    }
    notifier.touch(CHANNELS.queue, 'one-too-many');
    notifier.touch(CHANNELS.executions, 'another');
    await world.database.query('SELECT 1');
    expect(heard.flatMap(({ keys }) => keys)).not.toContain('one-too-many');
    await notifier.close();
    await hears('one-too-many');
    expect(heard.map(({ channel }) => channel)).toContain(CHANNELS.executions);
  });

  it('of a storm of both kinds are ten a second after the first thirty', async () => {
    const debounceMs = 40;
    const notifier = new Notifier(world.database, { debounceMs });
    const beganMs = performance.now();
    const keys = new Set<string>();
    await eventually('the storm is over', () => {
      for (const channel of Object.values(CHANNELS)) {
        const key = `${channel}-${keys.size}`;
        keys.add(key);
        notifier.touch(channel, key);
      }
      return performance.now() - beganMs > 1_600;
    });
    await notifier.close();
    await eventually('all is heard', () => new Set(heard.flatMap((one) => one.keys)).size === keys.size);
    const lastMs = heard.at(-1)?.atMs ?? 0;
    const wakes = heard.filter(({ channel }) => channel === CHANNELS.queue);
    expect(wakes.length).toBeLessThanOrEqual(30 + (lastMs - beganMs) / debounceMs + 2);
  });
});
