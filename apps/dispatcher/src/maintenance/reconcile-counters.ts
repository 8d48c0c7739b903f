import type { DispatcherRuntime } from '../runtime/dispatcher-runtime.js';

/** Compares every counter with what it counts; drift is corrected, and is an alarm because nothing should make any. */
export async function reconcileCounters(runtime: DispatcherRuntime): Promise<number> {
  const found = await runtime.parts.stores.queue.reconcileCounters();
  const count = found.drift.length + found.providers.length;
  if (count > 0) runtime.parts.logger.error('queue counters had drifted and were corrected', { ...found });
  return count;
}
