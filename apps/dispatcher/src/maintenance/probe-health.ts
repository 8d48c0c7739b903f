import type { DispatcherRuntime } from '../runtime/dispatcher-runtime.js';

/** Health probes that are due: the registry's monitor takes each for one prober and interval. */
export async function probeHealth(runtime: DispatcherRuntime): Promise<number> {
  const dispatcherId = runtime.lease.dispatcherId;
  return dispatcherId === undefined ? 0 : runtime.parts.places.probeHealth(dispatcherId);
}
