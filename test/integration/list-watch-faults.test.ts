import {
  ClusterConnection,
  type KubernetesObject,
  ListWatch,
  type ListWatchOptions,
  resolveAccess,
} from '@image-factory/cluster-connectors';
import { EgressPolicy } from '@image-factory/egress';
import { createSilentLogger, systemClock } from '@image-factory/telemetry';
import { eventually, type FakeFault, FakeKubeApiServer } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { spoken } from './spoken.ts';

interface Slim {
  readonly uid: string | undefined;
  readonly succeeded: string;
}

const PATH = '/apis/tekton.dev/v1/pipelineruns';
const egress = new EgressPolicy({ allow: ['127.0.0.1'] });

let server: FakeKubeApiServer;
let connection: ClusterConnection;
let calls: string[];
let errors: Error[];
const open: ListWatch<Slim>[] = [];

beforeEach(async () => {
  server = await FakeKubeApiServer.start({ namespaces: ['builds'], ...spoken });
  const access = await resolveAccess('token', server.providerConfig(), {
    fileRules: { allowedDirs: [], anyPath: false },
  });
  connection = new ClusterConnection({ providerId: 'p', generation: 1, access, egress });
  calls = [];
  errors = [];
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((watch) => watch.close()));
  await connection.close();
  await server.close();
});

function project(object: KubernetesObject, row?: Readonly<Record<string, unknown>>): Slim {
  const status = object['status'] as { conditions?: { type: string; status: string }[] } | undefined;
  const condition = status?.conditions?.find((one) => one.type === 'Succeeded')?.status;
  return {
    uid: object.metadata.uid,
    succeeded: String((row === undefined ? condition : row['Succeeded']) ?? 'Unknown'),
  };
}

function unstarted(more: Partial<ListWatchOptions<Slim>> = {}): ListWatch<Slim> {
  const made = new ListWatch<Slim>({
    connection,
    path: PATH,
    labelSelector: 'shard=1',
    form: 'table',
    project,
    onUpsert: (key, value) => calls.push(`${key} ${value.succeeded}`),
    onDelete: (key, _last, object) => calls.push(`${key} gone${object === undefined ? '' : ' seen'}`),
    onError: (error) => errors.push(error),
    backOff: { floorMs: 5, baseMs: 10, capMs: 50 },
    idleTimeoutMs: 400,
    clock: systemClock,
    logger: createSilentLogger(),
    ...more,
  });
  open.push(made);
  return made;
}

async function watch(more: Partial<ListWatchOptions<Slim>> = {}): Promise<ListWatch<Slim>> {
  const made = unstarted(more);
  made.start();
  await made.ready(AbortSignal.timeout(5_000));
  return made;
}

function put(name: string, succeeded?: string, labels: Record<string, string> = { shard: '1' }): void {
  const conditions = succeeded === undefined ? [] : [{ type: 'Succeeded', status: succeeded, reason: 'R' }];
  server.store.put('pipelineruns', {
    metadata: { name, namespace: 'builds', labels, annotations: { wide: 'ü€😀'.repeat(20) } },
    spec: {},
    status: { conditions },
  });
}

const said = (line: string): Promise<boolean> => eventually(line, () => calls.includes(line));
const watching = (): Promise<boolean> => eventually('a watch is open', () => server.openWatches === 1);

describe.each(['table', 'object'] as const)('a list-watch in %s form', (form) => {
  it('tells what is there, what changes, what leaves the selector and what is deleted', async () => {
    put('a');
    put('other', undefined, { shard: '2' });
    const made = await watch({ form });
    await watching();
    put('b');
    put('a', 'True');
    put('b', undefined, { shard: '2' });
    server.store.delete('pipelineruns', 'builds', 'a');
    await said('builds/a gone seen');
    expect(calls).toEqual([
      'builds/a Unknown',
      'builds/b Unknown',
      'builds/a True',
      'builds/b gone seen',
      'builds/a gone seen',
    ]);
    expect(made.items().size).toBe(0);
    expect(server.seen({ path: PATH, watch: true })).toHaveLength(1);
  });

  it('says nothing of a change of which nothing is kept', async () => {
    put('a');
    await watch({ form });
    await watching();
    server.store.update('pipelineruns', 'builds', 'a', ({ metadata }) => (metadata.annotations = { noted: 'since' }));
    put('b');
    await said('builds/b Unknown');
    put('a', 'True');
    await said('builds/a True');
    expect(calls).toEqual(['builds/a Unknown', 'builds/b Unknown', 'builds/a True']);
  });

  it.each([
    ['twice', 'repeat', ['builds/a Unknown', 'builds/a True', 'builds/b Unknown'], 1],
    ['in the wrong order', 'reorder', ['builds/a True', 'builds/b Unknown'], 2],
  ] as const)('tells each state once, and never an older one, when events come %s', async (_how, kind, told, lists) => {
    server.fault({ path: PATH }, { kind });
    await watch({ form });
    await watching();
    put('a');
    put('a', 'True');
    await said('builds/a True');
    await eventually('it has listed so often', () => server.seen({ path: PATH, list: true }).length >= lists);
    put('b');
    await said('builds/b Unknown');
    expect([...calls, server.seen({ path: PATH, list: true }).length]).toEqual([...told, lists]);
  });

  it('decodes events whose characters are split over chunks', async () => {
    server.chunkBytes = 3;
    await watch({ form });
    await watching();
    put('a', 'True');
    await said('builds/a True');
    expect(errors).toEqual([]);
  });

  const faults: readonly [string, FakeFault][] = [
    ['a cut in the middle of the JSON', { kind: 'cutJson', afterEvents: 1 }],
    ['a cut in the middle of a character', { kind: 'cutUtf8', afterEvents: 1 }],
    ['an ERROR event 410', { kind: 'errorEvent', code: 410, reason: 'Expired', afterEvents: 1 }],
    ['an ERROR event 500', { kind: 'errorEvent', code: 500, reason: 'InternalError', afterEvents: 1 }],
    ['silence', { kind: 'silence', afterEvents: 1 }],
    ['a proper end', { kind: 'end', afterEvents: 1 }],
  ];

  it.each(faults)('misses no end and repeats no news over %s', async (_name, fault) => {
    server.fault({ path: PATH }, fault);
    await watch({ form });
    await watching();
    put('first', 'True');
    put('second');
    put('second', 'True');
    await said('builds/second True');
    expect(calls.filter((line) => line === 'builds/first True')).toHaveLength(1);
    expect(calls.filter((line) => line === 'builds/second True')).toHaveLength(1);
  });
});

describe('a list-watch under a failing server', () => {
  const answers: readonly [string, FakeFault][] = [
    ['410 as a status', { kind: 'status', status: 410, reason: 'Expired' }],
    ['429 with Retry-After', { kind: 'status', status: 429, reason: 'TooManyRequests', retryAfterSeconds: 0 }],
    ['500', { kind: 'status', status: 500, reason: 'InternalError' }],
    ['503', { kind: 'status', status: 503, reason: 'ServiceUnavailable' }],
    [
      '504 too large resource version',
      { kind: 'status', status: 504, reason: 'Timeout', details: { causes: [{ reason: 'ResourceVersionTooLarge' }] } },
    ],
    ['403', { kind: 'status', status: 403, reason: 'Forbidden' }],
    ['401', { kind: 'status', status: 401, reason: 'Unauthorized' }],
    ['a dropped connection', { kind: 'drop' }],
    ['no answer at all', { kind: 'hang' }],
  ];

  it.each(answers)('goes on after %s to the watch', async (_name, fault) => {
    server.fault({ path: PATH, watch: true }, fault, 2);
    await watch();
    await watching();
    put('a', 'True');
    await said('builds/a True');
    expect(errors.length).toBeGreaterThanOrEqual(2);
  });

  it.each(answers.filter(([name]) => name !== 'no answer at all'))(
    'goes on after %s to the list',
    async (_name, fault) => {
      put('a', 'True');
      server.fault({ path: PATH, list: true }, fault, 2);
      const made = await watch();
      expect([...made.items().keys()]).toEqual(['builds/a']);
    },
  );

  it('lists in pages, and starts again when the continue token expires on the way', async () => {
    for (let index = 0; index < 25; index += 1) put(`run-${index}`);
    server.fault({ path: PATH, list: true }, { kind: 'delay', ms: 0 });
    server.fault({ path: PATH, list: true }, { kind: 'status', status: 410, reason: 'Expired' });
    const made = await watch({ pageSize: 10 });
    expect(made.items().size).toBe(25);
    expect(server.seen({ path: PATH, list: true })).toHaveLength(5);
  });

  it('resumes from bookmarks, so that a quiet watch does not expire', async () => {
    await watch();
    await watching();
    for (let index = 0; index < 5; index += 1) put(`other-${index}`, undefined, { shard: '2' });
    server.sendBookmarks();
    server.store.compact();
    server.endWatches();
    await eventually('the watch is resumed', () => server.seen({ path: PATH, watch: true }).length === 2);
    // With the columns of the Table in it, when it is the first that the watch sends.
    server.sendBookmarks();
    put('a', 'True');
    await said('builds/a True');
    expect(server.seen({ path: PATH })).toHaveLength(3);
  });

  it('lists anew when the version that it resumes from is compacted, and tells what vanished meanwhile', async () => {
    put('a');
    put('b');
    await watch();
    await watching();
    server.fault({ path: PATH }, { kind: 'silence' });
    server.endWatches();
    await eventually('the silent watch is open', () => server.seen({ path: PATH, watch: true }).length === 2);
    server.store.delete('pipelineruns', 'builds', 'a');
    put('b', 'False');
    server.store.compact();
    await said('builds/b False');
    expect(calls).toContain('builds/a gone');
  });

  it('lists anew when the resource version goes back, as after a restored etcd', async () => {
    put('a');
    await watch();
    await watching();
    server.store.rewind(500);
    put('b', 'True');
    server.dropConnections();
    await said('builds/b True');
    expect(server.seen({ path: PATH, list: true }).length).toBeGreaterThanOrEqual(2);
  });

  it('notices a watch that waits for ever for a version that does not come', async () => {
    await watch();
    await watching();
    server.store.rewind(10);
    server.endWatches();
    await eventually('it has listed anew', () => server.seen({ path: PATH, list: true }).length >= 2);
    put('a', 'True');
    await said('builds/a True');
  });

  it('comes back after the server was away, without a storm of requests', async () => {
    await watch({ backOff: { floorMs: 20, baseMs: 50, capMs: 100 } });
    await watching();
    await server.stopListening();
    const before = server.requests.length;
    await eventually('it has tried several times', () => errors.length >= 5);
    await server.listen();
    put('a', 'True');
    await said('builds/a True');
    expect(server.requests.length - before).toBeLessThanOrEqual(4);
  });

  it('does not hammer a server that ends every watch at once', async () => {
    server.fault({ path: PATH }, { kind: 'end' }, 1_000);
    const startedMs = performance.now();
    await watch({ backOff: { floorMs: 50, baseMs: 50, capMs: 50 } });
    await eventually('ten watches were ended', () => server.seen({ path: PATH, watch: true }).length >= 10);
    expect(performance.now() - startedMs).toBeGreaterThan(400);
  });

  it('falls back to whole objects when the columns are missing', async () => {
    server.withoutColumns = true;
    put('a', 'True');
    await watch();
    expect(calls).toEqual(['builds/a True']);
    put('b', 'False');
    await said('builds/b False');
    expect(server.requests.at(-1)?.accept).toBe('application/json');
  });

  it('falls back when the columns vanish under a running watch', async () => {
    await watch();
    await watching();
    server.withoutColumns = true;
    server.endWatches();
    await eventually('the watch is resumed', () => server.seen({ path: PATH, watch: true }).length >= 2);
    put('a', 'True');
    await said('builds/a True');
  });

  it('reads objects from a server that does not know Tables', async () => {
    server.withoutTables = true;
    put('a', 'True');
    await watch();
    put('b', 'False');
    await said('builds/b False');
    expect(calls).toEqual(['builds/a True', 'builds/b False']);
  });

  it('asks for the initial objects in the watch, and lists on servers that refuse that', async () => {
    put('a', 'True');
    await watch({ initial: 'watch-list' });
    expect(server.seen({ path: PATH, list: true })).toHaveLength(0);
    await open.pop()?.close();
    server.withoutWatchList = true;
    await watch({ initial: 'watch-list' });
    expect(server.seen({ path: PATH, list: true })).toHaveLength(1);
    expect(calls).toEqual(['builds/a True', 'builds/a True']);
  });

  it('survives handlers that throw', async () => {
    await watch({
      onUpsert: (key, value) => {
        calls.push(`${key} ${value.succeeded}`);
        throw new Error('handler');
      },
    });
    put('a');
    put('a', 'True');
    await said('builds/a True');
    expect(errors).toEqual([]);
  });

  it('tells a deletion and a new object when a name is used again unseen', async () => {
    put('a');
    await watch();
    await watching();
    server.fault({ path: PATH }, { kind: 'silence' });
    server.endWatches();
    await eventually('the silent watch is open', () => server.seen({ path: PATH, watch: true }).length === 2);
    server.store.delete('pipelineruns', 'builds', 'a');
    put('a', 'True');
    server.store.compact();
    await said('builds/a True');
    expect(calls).toEqual(['builds/a Unknown', 'builds/a gone', 'builds/a True']);
  });
});

describe('the health of a list-watch', () => {
  it('ages while nothing comes and is young again after a bookmark', async () => {
    const made = await watch({ idleTimeoutMs: 60_000 });
    await watching();
    await eventually('it has aged', () => made.ageMs() > 100);
    server.sendBookmarks();
    await eventually('it is young', () => made.ageMs() < 100);
  });

  it('grows old while the server is away, however often it is tried', async () => {
    const made = await watch();
    await server.stopListening();
    await eventually('it has tried several times', () => errors.length >= 3);
    const age = made.ageMs();
    await eventually('it has aged further', () => made.ageMs() > age + 50);
    await server.listen();
  });

  it('leaves no socket and calls no handler after close', async () => {
    const made = await watch();
    await watching();
    await made.close();
    put('a');
    await eventually('the watch is closed on the server', () => server.openWatches === 0);
    expect(calls).toEqual([]);
  });

  it('rejects those who wait to be ready when it is closed before', async () => {
    server.fault({ path: PATH, list: true }, { kind: 'hang' }, 100);
    const made = unstarted();
    made.start();
    const ready = made.ready(AbortSignal.timeout(5_000));
    void made.close();
    await expect(ready).rejects.toThrow('closed');
  });

  it('asks for bookmarks and for a server-side end between 240 and 300 seconds', async () => {
    await watch();
    await watching();
    const query = server.seen({ path: PATH, watch: true })[0]?.query;
    expect(query?.get('allowWatchBookmarks')).toBe('true');
    expect(Number(query?.get('timeoutSeconds'))).toBeGreaterThanOrEqual(240);
    expect(Number(query?.get('timeoutSeconds'))).toBeLessThanOrEqual(300);
  });
});
