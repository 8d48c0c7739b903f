import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const MIB = 1024 * 1024;

/** What this process holds: sockets and timers as the event loop counts them, and the heap after a collection. */
export function heldByProcess(): { sockets: number; timers: number; heapMib: number } {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const active = process.getActiveResourcesInfo();
  const count = (pattern: RegExp): number => active.filter((name) => pattern.test(name)).length;
  return {
    sockets: count(/^(?:TCP|TLS)/),
    timers: count(/^Timeout$/),
    heapMib: process.memoryUsage().heapUsed / MIB,
  };
}
