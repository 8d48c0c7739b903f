import { INVARIANTS, type InvariantReport } from '@image-factory/persistence';
import type { DispatcherRuntime } from '../runtime/dispatcher-runtime.js';

/** Looks for what must never be; what is found is an alarm, and stands in the metrics until the next look. */
export async function checkInvariants(runtime: DispatcherRuntime): Promise<number> {
  const { stores, logger } = runtime.parts;
  const report: InvariantReport = await stores.invariants.read();
  runtime.invariants = report;
  const broken = INVARIANTS.filter((name) => report[name].count > 0);
  for (const name of broken) logger.error('an invariant is broken', { invariant: name, ...report[name] });
  return broken.length;
}
