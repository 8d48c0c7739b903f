import type { DispatcherRuntime } from '../runtime/dispatcher-runtime.js';

/** Partitions for today and the next days, so that no log ever waits for one. */
const DAYS_AHEAD = 3;
const DAY_MS = 86_400_000;

export async function preparePartitions(runtime: DispatcherRuntime): Promise<number> {
  await runtime.parts.stores.logs.ensurePartitions(DAYS_AHEAD);
  return 0;
}

/** Drops whole days that are older than the retention. */
export async function expireLogs(runtime: DispatcherRuntime): Promise<number> {
  const first = new Date(runtime.judge.databaseNowMs() - runtime.settings.logRetentionDays * DAY_MS);
  const dropped = await runtime.parts.stores.logs.dropPartitionsBefore(first.toISOString().slice(0, 10));
  return dropped.length;
}
