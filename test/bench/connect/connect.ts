import { runSteps } from '../measure/step.ts';
import type { BenchmarkOptions, BenchmarkRun } from '../report.ts';
import { measureBroker } from './measure-broker.ts';
import { measureConnectTime } from './connect-time.ts';
import { measureIdleMemory } from './idle-memory.ts';
import { measurePlacement } from './placement-time.ts';
import { measureRequests } from './requests.ts';
import { measureTokenLatency } from './token-latency.ts';

/** What the way to a cluster costs: requests, sockets, connecting, idle clusters, tokens, the choice of one. */
export async function connectBenchmark(options: BenchmarkOptions): Promise<BenchmarkRun> {
  const { quick } = options;
  const measured = await runSteps(options, [
    {
      id: 'requests',
      title: 'requests through our connection',
      rows: ['rate', 'cpu', 'sockets'],
      run: () => measureRequests(quick),
    },
    { id: 'connect', title: 'connecting, cold and warm', run: () => measureConnectTime(quick) },
    { id: 'idle', title: 'memory of idle clusters', run: () => measureIdleMemory(quick) },
    { id: 'token', title: 'latency of a token that is kept current', run: () => measureTokenLatency(quick) },
    { id: 'broker', title: 'a token of a broker', run: () => measureBroker(quick) },
    { id: 'placement', title: 'a placement over 500 clusters', run: async () => measurePlacement(quick) },
  ]);
  return { versions: { '@kubernetes/client-node': '2.0.1', undici: '8.12.4' }, ...measured };
}
