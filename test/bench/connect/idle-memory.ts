import { residentMib } from '../main/memory.ts';
import { toResult, type MeasuredResult } from '../report.ts';
import { ConnectChild } from './connect-child.ts';

const SETTLE_MS = 2_000;

/** What a cluster costs that is connected, watched and idle: 500 of them in one process, beside none. */
export async function measureIdleMemory(quick: boolean): Promise<MeasuredResult[]> {
  const clusters = quick ? 50 : 500;
  const { child: server, ready } = await ConnectChild.start<{ port: number }>('server-process.ts');
  try {
    const none = await memoryOf(ready.port, 0);
    const all = await memoryOf(ready.port, clusters);
    const { watches } = await server.ask<{ watches: number }>();
    const title = `resident memory of a process with ${clusters} idle clusters of 3 watches each, MiB`;
    return [
      toResult({
        id: 'idle-resident',
        title: `${title} (${Math.round(none.residentMib)} with none; ${watches} watches were open)`,
        samples: [all.residentMib],
        q: 0.5,
        target: { text: 'under 1,536', met: (value) => value < 1_536 },
      }),
      toResult({
        id: 'idle-cluster',
        title: 'resident memory of one idle cluster with its watches, KiB',
        samples: [((all.residentMib - none.residentMib) * 1024) / clusters],
        q: 0.5,
      }),
      toResult({
        id: 'idle-heap',
        title: 'of it live objects and buffers after a collection, KiB',
        samples: [((all.heapMib - none.heapMib) * 1024) / clusters],
        q: 0.5,
      }),
    ];
  } finally {
    server.stop();
  }
}

async function memoryOf(port: number, clusters: number): Promise<{ residentMib: number; heapMib: number }> {
  const { child } = await ConnectChild.start('idle-process.ts', [String(port), String(clusters)]);
  try {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const resident = await residentMib(child.pid);
    return { residentMib: resident, heapMib: (await child.ask<{ heapMib: number }>()).heapMib };
  } finally {
    // The server sees its watches end only after they were counted.
    setTimeout(() => child.stop(), SETTLE_MS);
  }
}
