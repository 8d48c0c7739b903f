import type { DispatcherView } from '@image-factory/persistence';

/** Numbers of one dispatcher or of all, by the published names. */
export type DispatcherNumbers = Readonly<Record<string, number>>;

/** Names that are always there, whatever dispatchers write. */
export const PUBLISHED: readonly string[] = [
  'claims',
  'dispatches',
  'claim_errors',
  'dispatch_errors',
  'requeues',
  'skipped_for_limit',
  'claim_latency_ms',
  'dispatch_latency_ms',
];

/** Latencies are not added: of several dispatchers the slowest is shown. */
const LATENCY = /_ms(?:_|$)/;

/** What a dispatcher wrote with its last heartbeat: only numbers are passed on. */
export function numbersOf(dispatcher: Pick<DispatcherView, 'metrics'>): DispatcherNumbers {
  const zeros = PUBLISHED.map((name) => [name, 0]);
  const written = Object.entries(dispatcher.metrics).filter(([, value]) => typeof value === 'number');
  return Object.fromEntries([...zeros, ...written]) as DispatcherNumbers;
}

/** Counters are added; latencies are those of the slowest. */
export function totalOf(all: readonly DispatcherNumbers[]): DispatcherNumbers {
  const total: Record<string, number> = Object.fromEntries(PUBLISHED.map((name) => [name, 0]));
  for (const numbers of all) {
    for (const [name, value] of Object.entries(numbers)) {
      const before = total[name] ?? 0;
      total[name] = LATENCY.test(name) ? Math.max(before, value) : before + value;
    }
  }
  return total;
}
