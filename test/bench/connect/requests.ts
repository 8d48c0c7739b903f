import { alternate, samplesOf } from '../measure/alternate.ts';
import { toResult, type MeasuredResult } from '../report.ts';
import { ConnectChild } from './connect-child.ts';
import { ourClient, ourTypedClient, stockClient, undiciClient, type Client } from './contenders.ts';

const AT_ONCE = 8;

interface Round {
  readonly perSecond: number;
  readonly cpuMicros: number;
  readonly sockets: number;
}

/** Requests through each client, eight at a time: rate, processor time of this process, sockets. */
export async function measureRequests(quick: boolean): Promise<MeasuredResult[]> {
  const { child, ready } = await ConnectChild.start<{ port: number }>('server-process.ts');
  const clients = [
    await ourClient(ready.port),
    undiciClient(ready.port),
    await ourTypedClient(ready.port),
    stockClient(ready.port),
  ];
  const rounds = new Map<string, Round[]>(clients.map(({ name }) => [name, []]));
  const count = quick ? 500 : 4_000;
  try {
    for (const client of clients) await round(client, child, 200);
    await alternate(
      quick ? 3 : 7,
      clients.map((client) => ({
        name: client.name,
        // The stock client opens a connection for each: fewer tell as much.
        round: async () => {
          const result = await round(client, child, client.name === 'client-node' ? count / 8 : count);
          rounds.get(client.name)?.push(result);
          return result.perSecond;
        },
      })),
    );
    return resultsOf(rounds);
  } finally {
    await Promise.all(clients.map((client) => client.close()));
    child.stop();
  }
}

async function round(client: Client, server: ConnectChild, count: number): Promise<Round> {
  const before = await server.ask<{ accepted: number }>();
  const from = performance.now();
  const cpu = process.cpuUsage();
  let left = count;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await client.list();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (performance.now() - from) / 1000;
  const { accepted } = await server.ask<{ accepted: number }>();
  return {
    perSecond: count / seconds,
    cpuMicros: (user + system) / count,
    sockets: ((accepted - before.accepted) * 1000) / count,
  };
}

function resultsOf(rounds: ReadonlyMap<string, Round[]>): MeasuredResult[] {
  const of = (name: string, pick: (one: Round) => number): number[] =>
    samplesOf(new Map([[name, (rounds.get(name) ?? []).map(pick)]]), name);
  const against = (id: string, title: string, ours: string, control: string, pick: (one: Round) => number) =>
    toResult({ id, title, samples: of(ours, pick), q: 0.5, control: { name: control, samples: of(control, pick) } });
  const stock = 'client-node';
  return [
    against('rate-undici', 'requests a second, 8 at a time', 'ours', 'undici', (one) => one.perSecond),
    against('rate-stock', 'requests a second through the typed client', 'ours, typed', stock, (one) => one.perSecond),
    against('cpu-undici', 'processor time of a request, µs', 'ours', 'undici', (one) => one.cpuMicros),
    against('cpu-stock', 'processor time of a typed request, µs', 'ours, typed', stock, (one) => one.cpuMicros),
    toResult({
      id: 'sockets',
      title: 'sockets opened for 1,000 requests, once warm',
      samples: of('ours', (one) => one.sockets),
      q: 1,
      control: { name: stock, samples: of(stock, (one) => one.sockets) },
      target: { text: 'at most 8', met: (value) => value <= 8 },
    }),
  ];
}
