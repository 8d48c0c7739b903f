import { createServer } from 'node:net';
import { Failure } from './failure.ts';

const TRIES = 50;

/** True when nobody listens there, on this address or on all. */
export function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** The wanted port, or the next free one above it that is not in `taken`. */
export async function nextFreePort(host: string, wanted: number, taken: readonly number[] = []): Promise<number> {
  for (let port = wanted; port < wanted + TRIES; port += 1) {
    if (!taken.includes(port) && (await isFree(host, port))) return port;
  }
  throw new Failure(
    `No port from ${wanted} to ${wanted + TRIES - 1} is free on ${host}.`,
    'Set IF_SERVER_PORT to a free one.',
  );
}
