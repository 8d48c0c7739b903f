import { setTimeout as delay } from 'node:timers/promises';
import type { DoneFault } from './fault.ts';
import { thaw } from './thaw.ts';

const HOUR_MS = 3_600_000;
/** A dispatcher that is told to stop ends by itself; within how long, on a machine that is idle, another test says. */
const STOP_MS = 60_000;

/** Frozen past its lease, and awake again when others own what was its own. */
const freeze: DoneFault = {
  name: 'SIGSTOP past the lease, SIGCONT',
  scope: 'place',
  async strike(world, place, random) {
    const dispatcher = world.dispatcher(place);
    await dispatcher.working;
    await delay(random.integer(0, 400));
    dispatcher.signal('SIGSTOP');
    await thaw(dispatcher, random);
    return true;
  },
};

const moveClock: DoneFault = {
  name: 'clock of one process moved by an hour',
  scope: 'place',
  async strike(world, place, random) {
    const dispatcher = world.dispatcher(place);
    await dispatcher.working;
    const ms = random.pick([HOUR_MS, -HOUR_MS]);
    dispatcher.shiftClock(ms);
    await delay(random.integer(300, 2_000));
    dispatcher.shiftClock(-ms);
    return true;
  },
};

const killAll: DoneFault = {
  name: 'SIGKILL of all dispatchers at once',
  scope: 'world',
  async strike(world) {
    const all = world.dispatchers.map((_, place) => world.dispatcher(place));
    await Promise.all(all.map((one) => one.working));
    await Promise.all(all.map((one) => one.kill()));
    all.forEach((_, place) => world.dispatcher(place));
    return true;
  },
};

/** Each is told to stop, and its successor starts, while builds go on. */
const rollingRestart: DoneFault = {
  name: 'rolling restart',
  scope: 'world',
  async strike(world) {
    for (let place = 0; place < world.dispatchers.length; place += 1) {
      const old = world.dispatcher(place);
      await old.working;
      const stopped = old.terminate(STOP_MS);
      await world.startDispatcher(place).working;
      if (await stopped) continue;
      const said = [`${old.name} did not stop well on SIGTERM`, ...old.stuck].join('; ');
      world.clusters[0]?.facts.violations.push(`stop: ${said}`);
    }
    return true;
  },
};

export const PROCESS_FAULTS: readonly DoneFault[] = [freeze, freeze, moveClock, killAll, rollingRestart];
