import type { DispatcherRuntime } from '../runtime/dispatcher-runtime.js';

/**
 * Compares every counter with what it counts; drift is corrected, and is an alarm because nothing should make any. Then
 * wakes builds that wait for what is free.
 */
export async function reconcileCounters(runtime: DispatcherRuntime): Promise<number> {
  const { logger, metrics, stores } = runtime.parts;
  const found = await stores.queue.reconcileCounters();
  const count = found.drift.length + found.projects.length + found.providers.length;
  if (count > 0) {
    metrics.count('counterDrift', count);
    logger.error('queue counters had drifted and were corrected', { ...found });
  }
  const woken = await stores.queue.wakeStranded();
  if (woken > 0) logger.warn('builds waited for a key or a project that was free and were woken', { woken });
  return count + woken;
}
