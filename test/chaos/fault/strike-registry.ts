import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { ChaosWorld } from '../world/chaos-world.ts';
import type { DoneFault } from './fault.ts';

/** Much less than images are tried to be published for, however often it strikes. */
const STRIKE_MS = 600;

/** The registry does so with requests of that method, for a while; undefined: with all. */
function registry(
  name: string,
  method: string | undefined,
  spoil: (response: ServerResponse) => boolean,
): DoneFault & { strike(world: Pick<ChaosWorld, 'registry'>): Promise<boolean> } {
  return {
    name,
    scope: 'place',
    async strike({ registry: struck }) {
      let met = 0;
      const fault = (request: IncomingMessage, response: ServerResponse): boolean => {
        if (method !== undefined && request.method !== method) return false;
        met += 1;
        return spoil(response);
      };
      struck.fault = fault;
      await delay(STRIKE_MS);
      // Another strike may have its turn by now.
      if (struck.fault === fault) struck.fault = undefined;
      return met > 0;
    },
  };
}

export const REGISTRY_AWAY = registry('registry answers 503', undefined, (response) => {
  response.writeHead(503).end();
  return true;
});

export const REGISTRY_FAULTS: readonly DoneFault[] = [
  REGISTRY_AWAY,
  registry('registry cuts its connections', undefined, (response) => {
    response.destroy();
    return true;
  }),
  registry('manifest put, answer lost', 'PUT', (response) => {
    // The registry goes on with the request, and nobody hears of it.
    response.end = () => response.destroy();
    return false;
  }),
];
