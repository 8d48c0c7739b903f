import { setTimeout as delay } from 'node:timers/promises';
import { FOR_WATCHES, type FakeFault, type FaultMatch } from '@image-factory/test-support';
import { PLACEMENT_BUDGET_MS } from '../process/chaos-dispatcher-config.ts';
import type { ChaosWorld } from '../world/chaos-world.ts';
import type { DoneFault } from './fault.ts';

const RUNS = /\/pipelineruns$/;
const SECRETS = /\/secrets$/;
const STRIKE_MS = 1_200;
const DROPPED: FakeFault = { kind: 'drop' };
const LOST: FakeFault = { kind: 'commitThenDrop' };

/** Some requests of all clusters meet this; what has not by then is taken back. Watches are opened anew, to meet theirs. */
function requests(name: string, match: FaultMatch, fault: FakeFault, times: number): DoneFault {
  return {
    name,
    scope: 'place',
    async strike(world) {
      const undo = world.clusters.map(({ server }) => server.fault(match, fault, times));
      if (FOR_WATCHES.includes(fault.kind)) for (const { server } of world.clusters) server.endWatches();
      await delay(STRIKE_MS);
      const met = undo.map((takeBack) => takeBack());
      return met.some((count) => count > 0);
    },
  };
}

function everyServer(name: string, work: (server: ChaosWorld['clusters'][number]['server']) => void): DoneFault {
  return {
    name,
    scope: 'place',
    strike(world) {
      for (const { server } of world.clusters) work(server);
      return Promise.resolve(true);
    },
  };
}

/** No create on one cluster is answered until what waits for it has given it up. */
const unansweredCreates: DoneFault = {
  name: 'creates of one cluster unanswered past their budget',
  scope: 'place',
  async strike(world, _place, random) {
    const { server } = random.pick(world.clusters);
    const takeBack = server.fault({ method: 'POST', path: RUNS }, random.pick([DROPPED, LOST]), 1_000);
    await delay(PLACEMENT_BUDGET_MS + STRIKE_MS);
    return takeBack() > 0;
  },
};

export const CLUSTER_FAULTS: readonly DoneFault[] = [
  requests('create committed, answer lost', { method: 'POST', path: RUNS }, { kind: 'commitThenDrop' }, 4),
  requests('Secret committed, answer lost', { method: 'POST', path: SECRETS }, { kind: 'commitThenDrop' }, 4),
  requests('create dropped before it was taken', { method: 'POST', path: RUNS }, { kind: 'drop' }, 4),
  unansweredCreates,
  requests('delete committed, answer lost', { method: 'DELETE' }, { kind: 'commitThenDrop' }, 6),
  requests('429 with Retry-After', {}, { kind: 'status', status: 429, retryAfterSeconds: 1 }, 20),
  requests('burst of 500', {}, { kind: 'status', status: 500, reason: 'InternalError' }, 15),
  requests('burst of 503', { method: 'POST' }, { kind: 'status', status: 503, reason: 'ServiceUnavailable' }, 6),
  requests('slow answers', {}, { kind: 'delay', ms: 400 }, 20),
  requests('watch cut in its JSON', {}, { kind: 'cutJson', afterEvents: 1 }, 4),
  requests('watch cut in a character', {}, { kind: 'cutUtf8', afterEvents: 1 }, 4),
  requests('watch too old (410)', {}, { kind: 'errorEvent', code: 410, reason: 'Expired', afterEvents: 2 }, 4),
  requests('watch falls silent', {}, { kind: 'silence', afterEvents: 1 }, 2),
  requests('logs refused', { path: /\/log$/ }, { kind: 'status', status: 500, reason: 'InternalError' }, 15),
  requests('log stream cut', { path: /\/log$/ }, { kind: 'cutLog', afterBytes: 300 }, 6),
  everyServer('all API connections cut', (server) => server.dropConnections()),
  everyServer('history compacted, watches ended', (server) => {
    server.store.compact();
    server.endWatches();
  }),
];
