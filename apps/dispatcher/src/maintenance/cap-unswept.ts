import type { DispatcherRuntime } from '../runtime/dispatcher-runtime.js';

/** Finished runs load a cluster until they are swept: where too many are left, placement stops until they are fewer. */
export async function capUnswept(runtime: DispatcherRuntime): Promise<number> {
  const { stores, logger } = runtime.parts;
  const { maxUnswept, limits } = runtime.settings;
  const changed = await stores.ownership.measureUnswept(maxUnswept, limits.runRetentionMs);
  for (const { name, behind, unswept } of changed) {
    if (behind) logger.warn('nothing is placed until the sweep has caught up', { provider: name, unswept });
    else logger.info('the sweep has caught up', { provider: name });
  }
  return changed.length;
}
