import { toResult, type MeasuredResult } from '../report.ts';
import { ConnectChild } from './connect-child.ts';
import { ourClient, stockClient, undiciClient, type Client } from './contenders.ts';

/** Milliseconds to the first answer of a new client (TCP, TLS, request), and to the one after it. */
export async function measureConnectTime(quick: boolean): Promise<MeasuredResult[]> {
  const { child, ready } = await ConnectChild.start<{ port: number }>('server-process.ts');
  const makers: Readonly<Record<string, () => Promise<Client> | Client>> = {
    ours: () => ourClient(ready.port),
    undici: () => undiciClient(ready.port),
    'client-node': () => stockClient(ready.port),
  };
  const cold: Record<string, number[]> = { ours: [], undici: [], 'client-node': [] };
  const warm: Record<string, number[]> = { ours: [], undici: [], 'client-node': [] };
  try {
    for (let index = 0; index < (quick ? 20 : 200); index += 1) {
      for (const [name, make] of Object.entries(makers)) {
        const fromMs = performance.now();
        const client = await make();
        await client.list();
        const firstMs = performance.now();
        await client.list();
        // The first clients load code: they are no sample.
        if (index >= 5) {
          cold[name]?.push(firstMs - fromMs);
          warm[name]?.push(performance.now() - firstMs);
        }
        await client.close();
      }
    }
    const result = (id: string, title: string, samples: Record<string, number[]>, control: string): MeasuredResult =>
      toResult({
        id,
        title,
        samples: samples['ours'] ?? [],
        q: 0.5,
        control: { name: control, samples: samples[control] ?? [] },
      });
    return [
      result('connect-cold', 'first answer of a new connection (TCP, TLS, request), ms', cold, 'undici'),
      result('connect-warm', 'answer on a connection that is open, ms', warm, 'undici'),
      result('connect-warm-stock', 'the same beside the stock client, ms', warm, 'client-node'),
    ];
  } finally {
    child.stop();
  }
}
