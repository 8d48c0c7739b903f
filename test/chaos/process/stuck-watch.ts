import { Worker } from 'node:worker_threads';

const TURN_MS = 500;

/**
 * A process whose event loop stands still takes no signal and says nothing: a thread beside it notices, and writes the main
 * thread's stack to what the process says.
 */
export function watchEventLoop(): void {
  const shared = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const turns = new Int32Array(shared);
  setInterval(() => Atomics.add(turns, 0, 1), TURN_MS).unref();
  new Worker(new URL('./stuck-worker.ts', import.meta.url), { workerData: shared, execArgv: [] }).unref();
}
