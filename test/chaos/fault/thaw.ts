import { setTimeout as delay } from 'node:timers/promises';
import { LEASE_MS } from '../process/chaos-dispatcher-config.ts';
import type { DispatcherProcess } from '../process/dispatcher-process.ts';
import type { Random } from '../schedule/random.ts';

const AWAKE_MS = 300;

/** Wakes a process that is frozen when its lease has ended, and gives it a moment to do what it was about to. */
export async function thaw(dispatcher: DispatcherProcess, random: Random): Promise<void> {
  await delay(LEASE_MS * (1.2 + random.next() * 2));
  dispatcher.signal('SIGCONT');
  await delay(AWAKE_MS);
}
