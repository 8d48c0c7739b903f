import { randomUUID } from 'node:crypto';
import {
  type ClusterConnection,
  type KubernetesObject,
  type KubeRequest,
  PATCH_TYPES,
  readLines,
  TABLE_ACCEPT,
} from '@image-factory/cluster-connectors';
import { isDomainError } from '@image-factory/domain';
import type { TestApi } from './build-executor-contract.js';

/** One API server under the contract, real or fake, with a namespace of the test's own. */
export interface KubeApiHarness {
  readonly connection: ClusterConnection;
  /** The same server with a credential that it does not know. */
  readonly stranger: ClusterConnection;
  readonly namespace: string;
  /** Makes version 1 too old to watch from. */
  compact(): Promise<void> | void;
  close(): Promise<void>;
}

type Wire = KubernetesObject & Readonly<Record<string, unknown>>;
type Asked = Omit<KubeRequest, 'requestClass'>;

interface WireEvent {
  readonly type: string;
  readonly object: Wire & { readonly code?: number };
}

/** What we build on, and what the fake must therefore do as the real one does. Called once per server. */
export function kubeApiContract(api: TestApi, name: string, makeHarness: () => Promise<KubeApiHarness>): void {
  api.describe(`${name} as a Kubernetes API server`, () => {
    const world = new KubeApiWorld(makeHarness);
    api.beforeEach(() => world.open());
    api.afterEach(() => world.close());
    describeWrites(api, world);
    describeDeletions(api, world);
    describeRefusals(api, world);
    describeLists(api, world);
    describeWatches(api, world);
  });
}

class KubeApiWorld {
  #harness: KubeApiHarness | undefined;

  constructor(private readonly makeHarness: () => Promise<KubeApiHarness>) {}

  async open(): Promise<void> {
    this.#harness = await this.makeHarness();
  }

  async close(): Promise<void> {
    await this.harness.close();
  }

  get harness(): KubeApiHarness {
    if (this.#harness === undefined) throw new Error('the harness is not open');
    return this.#harness;
  }

  get path(): string {
    return `/api/v1/namespaces/${this.harness.namespace}/configmaps`;
  }

  async ask(request: Asked): Promise<Wire> {
    return (await this.harness.connection.request<Wire>({ requestClass: 'status', ...request })).body;
  }

  create(name: string, labels: Record<string, string> = {}): Promise<Wire> {
    return this.ask({ method: 'POST', path: this.path, body: configMap(name, labels) });
  }

  async refusal(request: Asked, connection = this.harness.connection): Promise<{ reason: string; status: unknown }> {
    try {
      await connection.request({ requestClass: 'status', ...request });
    } catch (error) {
      if (isDomainError(error)) return { reason: error.reason, status: error.details['status'] };
      throw error;
    }
    throw new Error(`${request.method} ${request.path} was not refused`);
  }

  /** How it is refused within half a minute, looking every 200 ms. */
  async refusedAtLast(request: (count: number) => Asked): Promise<{ reason: string; status: unknown }> {
    for (let count = 0; count < 150; count += 1) {
      const refused = await this.refusal(request(count)).catch(() => undefined);
      if (refused !== undefined) return refused;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    throw new Error(`${request(0).method} ${request(0).path} was never refused`);
  }

  /** Events of a watch until so many came, bookmarks left out unless asked for. */
  async events(
    query: NonNullable<KubeRequest['query']>,
    count: number,
    bookmarks = false,
    { accept, onFirst }: { readonly accept?: string; readonly onFirst?: () => Promise<unknown> } = {},
  ): Promise<WireEvent[]> {
    const stop = new AbortController();
    const how = accept === undefined ? {} : { accept };
    const request = { requestClass: 'status', method: 'GET', path: this.path, signal: stop.signal, ...how } as const;
    const { body } = await this.harness.connection.stream({ ...request, query: { watch: true, ...query } });
    const events: WireEvent[] = [];
    try {
      for await (const line of readLines(body, () => undefined)) {
        const event = JSON.parse(line) as WireEvent;
        if (event.type !== 'BOOKMARK' || bookmarks) events.push(event);
        if (events.length >= count) break;
        if (events.length === 1) await onFirst?.();
      }
    } finally {
      stop.abort();
    }
    return events;
  }

  async version(): Promise<string> {
    return String((await this.ask({ method: 'GET', path: this.path })).metadata.resourceVersion);
  }
}

function configMap(name: string, labels: Record<string, string> = {}): unknown {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data: { key: 'value' } };
}

function describeWrites(api: TestApi, world: KubeApiWorld): void {
  const { it, expect } = api;
  it('sets identity and version, and keeps the name for the first', async () => {
    const made = await world.create('one');
    expect(made.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(made.metadata.resourceVersion).toMatch(/^[0-9]+$/);
    const again = await world.refusal({ method: 'POST', path: world.path, body: configMap('one') });
    expect(again).toEqual({ reason: 'ObjectAlreadyExists', status: 409 });
  });

  it('refuses a change of an older version, and takes one of the last', async () => {
    const first = await world.create('one');
    const path = `${world.path}/one`;
    const next = { ...first, data: { key: 'next' } };
    const changed = await world.ask({ method: 'PUT', path, body: next });
    expect(BigInt(String(changed.metadata.resourceVersion))).toBeGreaterThan(
      BigInt(String(first.metadata.resourceVersion)),
    );
    const stale = await world.refusal({ method: 'PUT', path, body: { ...next, data: { key: 'stale' } } });
    expect(stale).toEqual({ reason: 'ObjectConflict', status: 409 });
  });

  it('changes and deletes by uid only the object that has it', async () => {
    const made = await world.create('one');
    const path = `${world.path}/one`;
    const other = { method: 'DELETE', path, body: { preconditions: { uid: randomUUID() } } } as const;
    expect(await world.refusal(other)).toEqual({ reason: 'ObjectConflict', status: 409 });
    const patch = { metadata: { uid: randomUUID() }, data: { key: 'no' } };
    const request = { method: 'PATCH', path, contentType: PATCH_TYPES.merge, body: patch } as const;
    expect((await world.refusal(request)).status).toBe(422);
    await world.ask({ method: 'DELETE', path, body: { preconditions: { uid: made.metadata.uid } } });
    expect(await world.refusal({ method: 'GET', path })).toEqual({ reason: 'ObjectNotFound', status: 404 });
  });

  it('stores nothing of a dry run', async () => {
    await world.ask({ method: 'POST', path: world.path, query: { dryRun: 'All' }, body: configMap('dry') });
    expect((await world.refusal({ method: 'GET', path: `${world.path}/dry` })).status).toBe(404);
  });

  it('applies twice and changes once', async () => {
    const query = { fieldManager: 'contract', force: true };
    const apply = { method: 'PATCH', path: `${world.path}/one`, contentType: PATCH_TYPES.apply, query } as const;
    const first = await world.ask({ ...apply, body: configMap('one', { a: '1' }) });
    const second = await world.ask({ ...apply, body: configMap('one', { a: '1' }) });
    expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  });
}

/** Deletion in two steps: marked first, and gone when the last finalizer is. */
function describeDeletions(api: TestApi, world: KubeApiWorld): void {
  const { it, expect } = api;
  const held = { finalizers: ['contract.image-factory.example/hold'] };
  const letGo = (path: string): Promise<Wire> =>
    world.ask({ method: 'PATCH', path, contentType: PATCH_TYPES.merge, body: { metadata: { finalizers: null } } });

  it('keeps an object that is deleted until its finalizer is removed', async () => {
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'held', ...held } };
    const made = await world.ask({ method: 'POST', path: world.path, body });
    const path = `${world.path}/held`;
    await world.ask({ method: 'DELETE', path });
    const marked = await world.ask({ method: 'GET', path });
    expect(marked.metadata.uid).toBe(made.metadata.uid);
    expect(Date.parse(String(marked.metadata['deletionTimestamp']))).not.toBeNaN();
    await world.ask({ method: 'DELETE', path });
    expect((await world.refusal({ method: 'POST', path: world.path, body })).status).toBe(409);
    await letGo(path);
    expect((await world.refusal({ method: 'GET', path })).status).toBe(404);
  });

  it('makes nothing new in a namespace that ends', async () => {
    const name = `ending-${randomUUID().slice(0, 8)}`;
    const path = `/api/v1/namespaces/${name}`;
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, ...held } };
    await world.ask({ method: 'POST', path: '/api/v1/namespaces', body });
    await world.ask({ method: 'DELETE', path });
    const ending = await world.ask({ method: 'GET', path });
    expect(ending['status']).toMatchObject({ phase: 'Terminating' });
    // The real server looks at a copy of the namespace that may be a moment old.
    const create = (count: number): Asked => ({
      method: 'POST',
      path: `${path}/configmaps`,
      body: configMap(`late-${count}`),
    });
    const refused = await world.refusedAtLast(create);
    expect(refused.status).toBe(403);
    await letGo(path);
    expect((await world.refusedAtLast(() => ({ method: 'GET', path }))).status).toBe(404);
  });
}

function describeRefusals(api: TestApi, world: KubeApiWorld): void {
  const { it, expect } = api;
  it('answers 401 to a credential that it does not know, and stores nothing', async () => {
    const request = { method: 'POST', path: world.path, body: configMap('one') } as const;
    expect(await world.refusal(request, world.harness.stranger)).toEqual({
      reason: 'ClusterUnauthorized',
      status: 401,
    });
    expect((await world.refusal({ method: 'GET', path: `${world.path}/one` })).status).toBe(404);
  });

  it('answers 404 for a resource, a namespace and an object that are not there', async () => {
    const paths = ['/apis/nothing.example/v1/things', `${world.path}/absent`];
    for (const path of paths) expect((await world.refusal({ method: 'GET', path })).status).toBe(404);
    const path = `/api/v1/namespaces/absent-${randomUUID().slice(0, 8)}/configmaps`;
    expect((await world.refusal({ method: 'POST', path, body: configMap('one') })).status).toBe(404);
  });

  it('refuses a body that is not of the path', async () => {
    const body = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'one' } };
    expect((await world.refusal({ method: 'POST', path: world.path, body })).status).toBe(400);
  });
}

function describeLists(api: TestApi, world: KubeApiWorld): void {
  const { it, expect } = api;
  it('lists by label, page by page', async () => {
    for (const name of ['a', 'b', 'c']) await world.create(name, { group: 'x' });
    await world.create('d', { group: 'y' });
    const names: string[] = [];
    let token: string | undefined;
    do {
      const query = { labelSelector: 'group=x', limit: 2, continue: token };
      const page = await world.ask({ method: 'GET', path: world.path, query });
      names.push(...(page['items'] as Wire[]).map((item) => item.metadata.name ?? ''));
      token = (page.metadata as { continue?: string }).continue;
    } while (token !== undefined && token !== '');
    expect(names).toEqual(['a', 'b', 'c']);
  });

  it('gives a list as a Table with the objects’ metadata', async () => {
    const made = await world.create('one', { group: 'x' });
    const query = { includeObject: 'Metadata', labelSelector: 'group=x' };
    const table = await world.ask({ method: 'GET', path: world.path, accept: TABLE_ACCEPT, query });
    expect(table['kind']).toBe('Table');
    expect(table['columnDefinitions']).toBeInstanceOf(Array);
    const rows = table['rows'] as { cells: unknown[]; object: Wire }[];
    expect(rows.map((row) => row.object.metadata.uid)).toEqual([made.metadata.uid]);
  });

  it('answers 504 to a version that it has not reached', async () => {
    const query = { resourceVersion: '9000000000000000', resourceVersionMatch: 'NotOlderThan' };
    expect((await world.refusal({ method: 'GET', path: world.path, query })).status).toBe(504);
  });
}

function describeWatches(api: TestApi, world: KubeApiWorld): void {
  const { it, expect } = api;
  it('tells every change since a version, in order', async () => {
    const resourceVersion = await world.version();
    await world.create('one', { group: 'x' });
    const label = (group: string): Asked => ({
      method: 'PATCH',
      path: `${world.path}/one`,
      contentType: PATCH_TYPES.merge,
      body: { metadata: { labels: { group } } },
    });
    await world.ask({ ...label('x'), body: { data: { key: 'next' } } });
    await world.ask(label('y'));
    await world.ask(label('x'));
    await world.ask({ method: 'DELETE', path: `${world.path}/one` });
    const events = await world.events({ resourceVersion, labelSelector: 'group=x' }, 5);
    expect(events.map((event) => event.type)).toEqual(['ADDED', 'MODIFIED', 'DELETED', 'ADDED', 'DELETED']);
    const versions = events.map((event) => BigInt(String(event.object.metadata.resourceVersion)));
    expect([...versions].sort((a, b) => (a < b ? -1 : 1))).toEqual(versions);
  });

  it('begins with what is there and marks its end, when it is asked to', async () => {
    await world.create('one');
    const query = { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: true };
    const wanted = { ...query, fieldSelector: 'metadata.name=one' };
    const events = await world.events(wanted, 2, true);
    expect(events.map((event) => event.type)).toEqual(['ADDED', 'BOOKMARK']);
    expect(events[1]?.object.metadata.annotations?.['k8s.io/initial-events-end']).toBe('true');
  });

  it('gives the columns of a Table once, with a bookmark when that comes first', async () => {
    const query = { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: true };
    const wanted = { ...query, includeObject: 'Metadata', labelSelector: 'group=late' };
    const onFirst = (): Promise<unknown> => world.create('one', { group: 'late' });
    const events = await world.events(wanted, 2, true, { accept: TABLE_ACCEPT, onFirst });
    expect(events.map(({ type }) => type)).toEqual(['BOOKMARK', 'ADDED']);
    const definitions = events.map(
      ({ object }) => (object as { columnDefinitions?: unknown }).columnDefinitions ?? null,
    );
    expect(definitions).toEqual([expect.any(Array), null]);
  });

  it('says 410 for a version that is too old, as a status or as an event', async () => {
    await world.create('one');
    await world.harness.compact();
    const seen = await world.events({ resourceVersion: '1' }, 1).then(
      ([event]) => event?.object.code,
      (error: unknown) => (isDomainError(error) ? error.details['status'] : undefined),
    );
    expect(seen).toBe(410);
  });

  it('ends by itself when its time is over', async () => {
    const started = world.events({ resourceVersion: await world.version(), timeoutSeconds: 1 }, 1);
    expect(await started).toEqual([]);
  });
}
