import type { DispatcherRuntime } from '../runtime/dispatcher-runtime.js';

/** Reads how long the queue is, for the metrics. @returns 0: nothing was done to it */
export async function measureQueue(runtime: DispatcherRuntime): Promise<number> {
  runtime.queueTotals = await runtime.parts.stores.queueTotals.read();
  return 0;
}
