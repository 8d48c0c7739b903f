import { ClusterConnection, ListWatch, resolveAccess } from '@image-factory/cluster-connectors';
import type { Clock } from '@image-factory/domain';
import { EgressPolicy } from '@image-factory/egress';
import { createSilentLogger, systemClock } from '@image-factory/telemetry';
import { eventually, FakeKubeApiServer } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const PATH = '/apis/tekton.dev/v1/pipelineruns';
/** What is slept longer is no pause: it waits for silence. */
const LONGEST_PAUSE_MS = 600_000;
const ALWAYS = (ms: number) => ({ floorMs: ms, baseMs: ms, capMs: ms });

let server: FakeKubeApiServer;
let waits: number[];
const open: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  server = await FakeKubeApiServer.start({ namespaces: ['builds'] });
  waits = [];
});

afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
  await server.close();
});

/** A watch whose pauses are noted and hardly waited for, behind a breaker that the first failures open for `openMs`. */
async function started(failures: number, openMs: number): Promise<ListWatch<undefined>> {
  const access = await resolveAccess('token', server.providerConfig(), {
    fileRules: { allowedDirs: [], anyPath: false },
  });
  const connection = new ClusterConnection({
    providerId: 'p',
    generation: 1,
    access,
    egress: new EgressPolicy({ allow: ['127.0.0.1'] }),
    pressure: { breaker: { failures, stallMs: 3_000, reopen: ALWAYS(openMs) } },
  });
  const clock: Clock = {
    now: () => systemClock.now(),
    monotonicMs: () => systemClock.monotonicMs(),
    sleep: (ms, signal) => {
      if (ms > LONGEST_PAUSE_MS) return systemClock.sleep(ms, signal);
      waits.push(ms);
      return systemClock.sleep(Math.min(ms, 2), signal);
    },
  };
  const watch = new ListWatch({
    connection,
    path: PATH,
    labelSelector: '',
    form: 'table',
    project: () => undefined,
    onUpsert: () => undefined,
    onDelete: () => undefined,
    backOff: { floorMs: 5, baseMs: 200, capMs: LONGEST_PAUSE_MS },
    idleTimeoutMs: 2 * LONGEST_PAUSE_MS,
    clock,
    logger: createSilentLogger(),
  });
  open.push(watch, connection);
  watch.start();
  return watch;
}

const asked = (kind: { list?: boolean; watch?: boolean }): number => server.seen({ path: PATH, ...kind }).length;

describe('a watch that the breaker keeps back', () => {
  it('waits as long as that, and no longer for each time that it came', async () => {
    await server.stopListening();
    await started(2, 60_000);
    await eventually('it has come often', () => waits.length >= 40);
    expect(waits.filter((ms) => ms > 30_000).length).toBeGreaterThan(30);
    expect(Math.max(...waits)).toBeLessThanOrEqual(60_000);
  });

  it('lists anew when it has come in vain three times: what it was cut from may be another state', async () => {
    const watch = await started(1, 500);
    await watch.ready(AbortSignal.timeout(5_000));
    await eventually('it watches', () => server.openWatches === 1);
    await server.stopListening();
    await eventually('it has come in vain', () => waits.length >= 4);
    await server.listen();
    await eventually('it watches again', () => asked({ watch: true }) === 2);
    expect(asked({ list: true })).toBe(2);
  });
});
