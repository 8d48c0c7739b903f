import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterConnection } from '@image-factory/cluster-connectors';
import { alternate, samplesOf } from '../measure/alternate.ts';
import { quantile, toResult, type MeasuredResult } from '../report.ts';
import { ConnectChild } from './connect-child.ts';
import { connectOurs, TOKEN } from './contenders.ts';

/** What it costs a request that its token is asked for anew each time (and read again when its file was replaced). */
export async function measureTokenLatency(quick: boolean): Promise<MeasuredResult[]> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-token-'));
  const path = join(directory, 'token');
  await writeFile(path, TOKEN);
  const { child, ready } = await ConnectChild.start<{ port: number }>('server-process.ts');
  const fixed = await connectOurs(ready.port);
  const renewed = await connectOurs(ready.port, { path });
  const count = quick ? 300 : 2_000;
  try {
    const samples = await alternate(quick ? 4 : 10, [
      { name: 'renewed', round: () => medianMicros(renewed, count) },
      { name: 'fixed', round: () => medianMicros(fixed, count) },
    ]);
    const control = quantile(samplesOf(samples, 'fixed'), 0.5);
    return [
      toResult({
        id: 'token-latency',
        title: 'latency that a token which is kept current adds to a request, µs',
        samples: samplesOf(samples, 'renewed').map((one) => one - control),
        q: 0.5,
        target: { text: 'under 50', met: (value) => value < 50 },
      }),
    ];
  } finally {
    await Promise.all([fixed.close(), renewed.close()]);
    child.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function medianMicros(connection: ClusterConnection, count: number): Promise<number> {
  const samples: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const fromMs = performance.now();
    await connection.request({ requestClass: 'status', method: 'GET', path: '/api/v1/namespaces/builds/pods' });
    samples.push((performance.now() - fromMs) * 1000);
  }
  return quantile(samples, 0.5);
}
