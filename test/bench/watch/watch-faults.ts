import { FakeKubeApiServer, type FakeFault } from '@image-factory/test-support';
import { toResult, type MeasuredResult } from '../report.ts';
import { NAMESPACE, recordedRun, RUNS_PATH } from './recorded-run.ts';
import { startWatcher, type Watcher } from './watchers.ts';

const RUNS = 20;
/** Ours; client-node's is 30 s and cannot be set. */
const IDLE_MS = 2_000;

interface Fault {
  readonly name: string;
  readonly apply: (server: FakeKubeApiServer) => void;
  /** Before the watcher starts: the fault hits its first requests. */
  readonly atStart: boolean;
}

function scripted(name: string, fault: FakeFault, match: { list?: boolean; watch?: boolean } = { watch: true }): Fault {
  return { name, atStart: true, apply: (server) => server.fault({ path: RUNS_PATH, ...match }, fault) };
}

const FAULTS: readonly Fault[] = [
  scripted('410 as a status', { kind: 'status', status: 410, reason: 'Expired' }),
  scripted('410 as an event', { kind: 'errorEvent', code: 410, reason: 'Expired', afterEvents: 1 }),
  scripted('end of the stream', { kind: 'end', afterEvents: 1 }),
  scripted('silence on an open stream', { kind: 'silence', afterEvents: 1 }),
  scripted('429', { kind: 'status', status: 429, reason: 'TooManyRequests', retryAfterSeconds: 1 }),
  scripted('500 on the list', { kind: 'status', status: 500, reason: 'InternalError' }, { list: true }),
  scripted('500 as an event', { kind: 'errorEvent', code: 500, reason: 'InternalError', afterEvents: 1 }),
  scripted('a cut inside a character', { kind: 'cutUtf8', afterEvents: 1 }),
  scripted('a cut inside the JSON', { kind: 'cutJson', afterEvents: 1 }),
  {
    name: 'a line of 4 MB',
    atStart: false,
    apply: (server) => {
      const wide = recordedRun(0, 'Unknown', 1);
      wide.metadata.annotations = { wide: 'x'.repeat(4_000_000) };
      server.store.put('pipelineruns', wide);
    },
  },
  {
    name: 'a resource version that goes back',
    atStart: false,
    apply: (server) => {
      server.store.rewind(500);
      server.dropConnections();
    },
  },
];

/** B15: ends of runs that a watcher never hears of, by what happens to its connection. */
export async function measureWatchFaults(options: { readonly quick: boolean }): Promise<MeasuredResult[]> {
  const waitMs = options.quick ? 8_000 : 45_000;
  for (const kind of ['ours', 'informer']) {
    const { missed } = await survive({ name: 'nothing', atStart: false, apply: () => undefined }, kind, waitMs);
    if (missed > 0) throw new Error(`${kind} misses ${missed} of ${RUNS} ends without any fault`);
  }
  const outcomes = await Promise.all(
    FAULTS.map(async (fault) => ({
      fault,
      ours: await survive(fault, 'ours', waitMs),
      informer: await survive(fault, 'informer', waitMs),
    })),
  );
  return [
    ...outcomes.map(({ fault, ours, informer }) =>
      toResult({
        id: `B15-${fault.name.replaceAll(' ', '-')}`,
        title: `ends that were not heard within ${waitMs / 1000} s after ${fault.name}, of ${RUNS}`,
        samples: [ours.missed],
        q: 1,
        control: { name: 'informer of client-node', samples: [informer.missed], mayBeZero: true },
        target: { text: '0', met: (value) => value === 0 },
      }),
    ),
    toResult({
      id: 'B15-relists',
      title: 'lists after the first for one fault, most of all faults',
      samples: outcomes.map(({ ours }) => ours.relists),
      q: 1,
      control: {
        name: 'informer of client-node',
        samples: outcomes.map(({ informer }) => informer.relists),
        mayBeZero: true,
      },
      target: { text: 'at most 1', met: (value) => value <= 1 },
    }),
  ];
}

async function survive(fault: Fault, kind: string, waitMs: number): Promise<{ missed: number; relists: number }> {
  const server = await FakeKubeApiServer.start({ tls: false, namespaces: [NAMESPACE] });
  let watcher: Watcher | undefined;
  try {
    for (let index = 0; index < RUNS; index += 1) server.store.put('pipelineruns', recordedRun(index, 'Unknown'));
    if (fault.atStart) fault.apply(server);
    watcher = await startWatcher({
      kind,
      kubeconfig: server.kubeconfig(),
      config: server.providerConfig(),
      idleTimeoutMs: IDLE_MS,
    });
    await waitFor(() => server.openWatches > 0, 2_000);
    if (!fault.atStart) fault.apply(server);
    for (let index = 0; index < RUNS; index += 1) server.store.put('pipelineruns', recordedRun(index, 'True', 2));
    const seen = watcher;
    const missed = (): number => RUNS - [...seen.states().values()].filter((status) => status === 'True').length;
    await waitFor(() => missed() === 0, waitMs);
    const lists = server.seen({ path: RUNS_PATH, list: true }).length;
    return { missed: missed(), relists: Math.max(0, lists - 1) };
  } finally {
    await watcher?.close();
    await server.close();
  }
}

export async function waitFor(condition: () => boolean, forMs: number): Promise<void> {
  const deadline = performance.now() + forMs;
  while (!condition() && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
}
