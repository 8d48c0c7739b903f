import { ClusterConnection, ListWatch, resolveAccess } from '@image-factory/cluster-connectors';
import type { Clock } from '@image-factory/domain';
import { EgressPolicy } from '@image-factory/egress';
import { createSilentLogger, systemClock } from '@image-factory/telemetry';
import { eventually, FakeKubeApiServer } from '@image-factory/test-support';
import { expect, it } from 'vitest';

const OPEN_MS = 60_000;

it('a watch that the breaker keeps back waits as long as that, and no longer for each time that it came', async () => {
  const server = await FakeKubeApiServer.start({ namespaces: ['builds'] });
  const access = await resolveAccess('token', server.providerConfig(), {
    fileRules: { allowedDirs: [], anyPath: false },
  });
  const always = { floorMs: OPEN_MS, baseMs: OPEN_MS, capMs: OPEN_MS };
  const connection = new ClusterConnection({
    providerId: 'p',
    generation: 1,
    access,
    egress: new EgressPolicy({ allow: ['127.0.0.1'] }),
    pressure: { breaker: { failures: 2, stallMs: 3_000, reopen: always } },
  });
  const waits: number[] = [];
  const clock: Clock = {
    now: () => systemClock.now(),
    monotonicMs: () => systemClock.monotonicMs(),
    sleep: (ms, signal) => {
      waits.push(ms);
      return systemClock.sleep(Math.min(ms, 2), signal);
    },
  };
  const watch = new ListWatch({
    connection,
    path: '/apis/tekton.dev/v1/pipelineruns',
    labelSelector: '',
    form: 'table',
    project: () => undefined,
    onUpsert: () => undefined,
    onDelete: () => undefined,
    backOff: { floorMs: 5, baseMs: 200, capMs: 10 * OPEN_MS },
    clock,
    logger: createSilentLogger(),
  });
  try {
    await server.stopListening();
    watch.start();
    await eventually('it has come often', () => waits.length >= 40);
    expect(waits.filter((ms) => ms > OPEN_MS / 2).length).toBeGreaterThan(30);
    expect(Math.max(...waits)).toBeLessThanOrEqual(OPEN_MS);
  } finally {
    await watch.close();
    await connection.close();
    await server.close();
  }
});
