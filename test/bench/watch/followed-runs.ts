import { alternate, samplesOf } from '../measure/alternate.ts';
import { toResult, type MeasuredResult } from '../report.ts';
import { Child } from './watcher-child.ts';

interface Usage {
  readonly heap: number;
  readonly cpuMs: number;
  readonly events: number;
}
interface Served {
  readonly kubeconfig: string;
  readonly config: Record<string, string>;
}

/** B14: what it costs to know the state of N runs of one cluster while E of them change each second. */
export async function measureWatchedRuns(options: {
  readonly quick: boolean;
  readonly rounds: number;
}): Promise<MeasuredResult[]> {
  const runs = options.quick ? 1_000 : 10_000;
  const perSecond = 500;
  const server = new Child('./server-process.ts', [String(runs)]);
  const cpu = new Map<string, number[]>([
    ['ours', []],
    ['informer', []],
  ]);
  try {
    const served = await server.hear<Served>('ready');
    const round = async (kind: string): Promise<number> => {
      const watcher = new Child('./watcher-process.ts', [kind, served.kubeconfig, JSON.stringify(served.config)]);
      try {
        await watcher.hear('ready');
        const empty = await watcher.ask<Usage>({ kind: 'usage', collect: true }, 'usage');
        const { runs: known } = await watcher.ask<{ runs: number }>({ kind: 'watch' }, 'watching');
        if (known !== runs) throw new Error(`${kind} knows ${known} of ${runs} runs`);
        const idle = await watcher.ask<Usage>({ kind: 'usage', collect: true }, 'usage');
        const before = await watcher.ask<Usage>({ kind: 'usage', collect: false }, 'usage');
        server.tell({ kind: 'events', perSecond, forMs: options.quick ? 2_000 : 6_000 });
        const { sent } = await server.hear<{ sent: number }>('sent');
        const after = await heard(watcher, before.events + sent);
        cpu.get(kind)?.push((1000 * (after.cpuMs - before.cpuMs)) / sent);
        return (idle.heap - empty.heap) / runs;
      } finally {
        watcher.stop();
      }
    };
    const heap = await alternate(options.rounds, [
      { name: 'ours', round: () => round('ours') },
      { name: 'informer', round: () => round('informer') },
    ]);
    const control = (samples: number[]) => ({ name: 'informer of client-node', samples });
    return [
      toResult({
        id: 'B14-heap',
        title: `heap per watched run, ${runs} runs as recorded (8 KB each), bytes`,
        samples: samplesOf(heap, 'ours'),
        q: 0.5,
        control: control(samplesOf(heap, 'informer')),
        target: {
          text: 'at most 1,024 and 40 × less',
          met: (value, ratio) => value <= 1_024 && ratio !== null && ratio <= 1 / 40,
        },
      }),
      toResult({
        id: 'B14-cpu',
        title: `processor time per event at ${perSecond} events/s, microseconds`,
        samples: samplesOf(cpu, 'ours'),
        q: 0.5,
        control: control(samplesOf(cpu, 'informer')),
        target: { text: 'at most 0.1 ×', met: (_value, ratio) => ratio !== null && ratio <= 0.1 },
      }),
    ];
  } finally {
    server.stop();
  }
}

/** Waits until all events were heard, so that the processor time of a slow watcher is whole. */
async function heard(watcher: Child, events: number): Promise<Usage> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const usage = await watcher.ask<Usage>({ kind: 'usage', collect: false }, 'usage');
    if (usage.events >= events) return usage;
    if (performance.now() > deadline) throw new Error(`${usage.events} of ${events} events were heard`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
