/** A fake API server with N runs, in a process of its own: what the watchers cost is not mixed with what serving costs. */
import { FakeKubeApiServer } from '@image-factory/test-support';
import { paced } from '../measure/closed-loop.ts';
import { NAMESPACE, recordedRun } from './recorded-run.ts';
import type { Order } from './watcher-child.ts';

const runs = Number(process.argv[2]);
const server = await FakeKubeApiServer.start({ tls: false, namespaces: [NAMESPACE] });
for (let index = 0; index < runs; index += 1) server.store.put('pipelineruns', recordedRun(index, 'Unknown'));

/** Each state is another than the last: one that is put again as it was makes no event. */
let revision = 0;

process.on('message', (order: Order) => {
  if (order.kind !== 'events') return;
  void paced(order.perSecond, order.forMs, (index) => {
    server.store.put('pipelineruns', recordedRun(index % runs, 'Unknown', (revision += 1)));
    // The history is for watches that come back; none does here, and its memory is no part of what is measured.
    if (index % 1_000 === 0) server.requests.length = 0;
    return Promise.resolve();
  }).then((sent) => process.send?.({ kind: 'sent', sent }));
});
process.send?.({ kind: 'ready', url: server.url, kubeconfig: server.kubeconfig(), config: server.providerConfig() });
