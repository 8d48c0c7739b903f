import { createHook } from 'node:async_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const MIB = 1024 * 1024;

/** Timers that were made since this was loaded and are neither over nor cleared, also those that keep no process alive. */
const timers = new Set<number>();
createHook({
  init: (id, type) => {
    if (type === 'Timeout') timers.add(id);
  },
  destroy: (id) => void timers.delete(id),
}).enable();

/** What this process holds: sockets as the event loop counts them, timers, and the heap after a collection. */
export function heldByProcess(): { sockets: number; timers: number; heapMib: number } {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return {
    sockets: process.getActiveResourcesInfo().filter((name) => /^(?:TCP|TLS)/.test(name)).length,
    timers: timers.size,
    heapMib: process.memoryUsage().heapUsed / MIB,
  };
}
