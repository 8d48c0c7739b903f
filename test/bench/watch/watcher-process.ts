/** One watcher in a process of its own (`ours` or `informer`), which tells its heap and processor time when asked. */
import { startWatcher } from './watchers.ts';
import type { Order } from './watcher-child.ts';

const [kind = '', kubeconfig = '', config = ''] = process.argv.slice(2);

/** Collecting garbage is no part of what watching costs: it is done only when the heap is asked for, after the time was read. */
function usage(collect: boolean): { readonly heap: number; readonly cpuMs: number; readonly events: number } {
  const cpu = process.cpuUsage();
  if (collect) {
    globalThis.gc?.();
    globalThis.gc?.();
  }
  const { heapUsed, external } = process.memoryUsage();
  return { heap: heapUsed + external, cpuMs: (cpu.user + cpu.system) / 1000, events: watcher?.events() ?? 0 };
}

let watcher: Awaited<ReturnType<typeof startWatcher>> | undefined;
process.on('message', (order: Order) => {
  if (order.kind === 'usage') process.send?.({ kind: 'usage', ...usage(order.collect) });
  if (order.kind !== 'watch') return;
  void startWatcher({ kind, kubeconfig, config: JSON.parse(config) as Record<string, string> }).then((started) => {
    watcher = started;
    process.send?.({ kind: 'watching', runs: started.states().size });
  });
});
process.send?.({ kind: 'ready' });
