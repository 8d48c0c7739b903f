import { FakeKubeApiServer } from '@image-factory/test-support';
import { quantile, toResult, type MeasuredResult } from '../report.ts';
import { NAMESPACE, recordedRun, RUNS_PATH } from './recorded-run.ts';
import { waitFor } from './watch-faults.ts';
import { startWatcher } from './watchers.ts';

const WATCHERS = 8;
/** Of the watch's own back-off, and of the breaker's. A timer fires late on a busy machine, or early by a rounding. */
const FLOOR_MS = 100;
const CAP_MS = 30_000;
const LATE_MS = 1_000;

/** B15: when a watcher asks again, while its API server answers 500 to everything for a time. */
export async function measureWatchBackOff(options: { readonly quick: boolean }): Promise<MeasuredResult[]> {
  const forMs = options.quick ? 10_000 : 120_000;
  const all = async (kind: string) => Promise.all(Array.from({ length: WATCHERS }, () => refused(kind, forMs)));
  const [ours, informer] = await Promise.all([all('ours'), all('informer')]);
  const pauses = ours.flatMap(({ pauses }) => pauses);
  const tries = (of: readonly Refused[]): number[] => of.map((one) => one.tries);
  const during = `of ${WATCHERS} watchers whose API server answers 500 for ${forMs / 1_000} s`;
  return [
    toResult({
      id: 'B15-back-off-shortest',
      title: `shortest pause between two requests ${during}, ms`,
      samples: pauses,
      q: 0,
      target: { text: `at least ${FLOOR_MS}, a timer early by 1`, met: (value) => value >= FLOOR_MS - 1 },
    }),
    // In a quick run no pause can be that long.
    ...(options.quick
      ? []
      : [
          toResult({
            id: 'B15-back-off-longest',
            title: `longest pause ${during}, ms (median ${Math.round(quantile(pauses, 0.5))})`,
            samples: pauses,
            q: 1,
            target: { text: 'at most 30,000, a timer late by 1,000', met: (value) => value <= CAP_MS + LATE_MS },
          }),
        ]),
    toResult({
      id: 'B15-back-off-tries',
      title: `requests of one ${during}`,
      samples: tries(ours),
      q: 0.5,
      control: { name: 'informer of client-node', samples: tries(informer), mayBeZero: true },
      target: { text: 'at least 2: it goes on', met: (value) => value >= 2 },
    }),
    toResult({
      id: 'B15-back-off-deaf',
      title: `watchers that do not hear of an end within ${(CAP_MS + LATE_MS) / 1_000} s of the last 500, of ${WATCHERS}`,
      samples: [ours.filter(({ hears }) => !hears).length],
      q: 1,
      control: {
        name: 'informer of client-node',
        samples: [informer.filter(({ hears }) => !hears).length],
        mayBeZero: true,
      },
      target: { text: '0', met: (value) => value === 0 },
    }),
  ];
}

interface Refused {
  /** From each request to the next, while all are refused. */
  readonly pauses: readonly number[];
  readonly tries: number;
  /** It hears of an end once it is answered again. */
  readonly hears: boolean;
}

async function refused(kind: string, forMs: number): Promise<Refused> {
  const server = await FakeKubeApiServer.start({ tls: false, namespaces: [NAMESPACE] });
  server.store.put('pipelineruns', recordedRun(0, 'Unknown'));
  const watcher = await startWatcher({ kind, kubeconfig: server.kubeconfig(), config: server.providerConfig() });
  try {
    await waitFor(() => server.openWatches > 0, 2_000);
    const asked: number[] = [];
    server.faults.take = ({ path }) => {
      if (path === RUNS_PATH) asked.push(performance.now());
      return { kind: 'status', status: 500, reason: 'InternalError' };
    };
    server.dropConnections();
    await new Promise((resolve) => setTimeout(resolve, forMs));
    server.faults.take = () => undefined;
    server.store.put('pipelineruns', recordedRun(0, 'True', 1));
    await waitFor(() => [...watcher.states().values()].includes('True'), CAP_MS + LATE_MS);
    return {
      pauses: asked.slice(1).map((at, index) => at - (asked[index] ?? at)),
      tries: asked.length,
      hears: [...watcher.states().values()].includes('True'),
    };
  } finally {
    await watcher.close();
    await server.close();
  }
}
