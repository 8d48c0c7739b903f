import { randomUUID } from 'node:crypto';
import { alreadyExists, ApiFailure, conflict, notFound } from './api-status.js';
import { fakeKey, type FakeObject } from './fake-object.js';
import { apiVersionOf, FAKE_RESOURCES, type FakeResource } from './resource-table.js';

export interface StoredEvent {
  readonly resourceVersion: number;
  readonly resource: FakeResource;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: FakeObject;
  /** State before, to tell objects that leave a selector. */
  readonly previous: FakeObject | undefined;
}

/** An object that has an owner, and its place among all: by kind, then by name. */
interface Owned {
  readonly kind: FakeResource;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly order: string;
}

/** Events that watches may resume from. */
const MOST_HISTORY = 50_000;

export interface DeleteRequest {
  readonly uid?: string | undefined;
  readonly orphan?: boolean | undefined;
}

/**
 * Objects with one resource version for all, the history that watches resume from, owner references that cascade,
 * finalizers and generations: what a real API server with etcd behind it does to objects.
 */
export class FakeObjectStore {
  /** By kind, then by namespace ('' for none), then by name: a list of one namespace does not look through all. */
  readonly #objects = new Map<FakeResource, Map<string, Map<string, FakeObject>>>();
  /** Objects by the uid of each owner: a delete must not look through all that there is. */
  readonly #owned = new Map<string, Map<string, Owned>>();
  readonly #listeners = new Set<(event: StoredEvent) => void>();
  #history: StoredEvent[] = [];
  #version = 1000;
  #oldest = 0;

  /** Version of the last change. */
  get resourceVersion(): number {
    return this.#version;
  }

  onEvent(listener: (event: StoredEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Events after a version; undefined when they are compacted away. */
  eventsAfter(version: number): readonly StoredEvent[] | undefined {
    return version < this.#oldest ? undefined : this.#history.filter((event) => event.resourceVersion > version);
  }

  /** Forgets history up to now: older watches and continue tokens are Expired. */
  compact(): void {
    this.#oldest = this.#version;
    this.#history = [];
  }

  /** An etcd restore: the version goes back, and only these changes are kept. Watchers hear nothing. */
  rewind(version: number): void {
    this.#version = version;
    this.#oldest = 0;
    this.#history = [];
  }

  /** In the order of namespace and name; of one namespace when it is given. */
  list(resource: FakeResource | string, namespace?: string): FakeObject[] {
    const ofKind = this.#objects.get(this.#resource(resource)) ?? new Map<string, Map<string, FakeObject>>();
    return (namespace === undefined ? [...ofKind.keys()].sort() : [namespace]).flatMap((one) =>
      [...(ofKind.get(one) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object),
    );
  }

  find(resource: FakeResource | string, namespace: string | undefined, name: string): FakeObject | undefined {
    return this.#objects
      .get(this.#resource(resource))
      ?.get(namespace ?? '')
      ?.get(name);
  }

  /** Creates; server-set metadata is filled in. @throws ApiFailure AlreadyExists, NotFound (namespace), Forbidden (terminating) */
  create(resource: FakeResource | string, object: FakeObject): FakeObject {
    const kind = this.#resource(resource);
    const metadata = { ...object.metadata };
    if ((metadata.name ?? '') === '' && metadata.generateName !== undefined) {
      metadata.name = `${metadata.generateName}${randomUUID().slice(0, 5)}`;
    }
    if (this.find(kind, metadata.namespace, metadata.name) !== undefined)
      throw alreadyExists(kind.resource, metadata.name);
    this.#checkNamespace(kind, metadata.namespace);
    metadata.uid = randomUUID();
    metadata.creationTimestamp = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    metadata.generation = 1;
    const created: FakeObject = {
      ...structuredClone(object),
      apiVersion: apiVersionOf(kind),
      kind: kind.kind,
      metadata,
    };
    if (kind.resource === 'namespaces') created['status'] ??= { phase: 'Active' };
    return this.#write(kind, created, undefined);
  }

  /** Replaces what is stored, status and all; identity is kept, an unchanged object makes no event. */
  replace(resource: FakeResource | string, object: FakeObject): FakeObject {
    const kind = this.#resource(resource);
    const { name, namespace } = object.metadata;
    const current = this.find(kind, namespace, name);
    if (current === undefined) throw notFound(kind.resource, name);
    const next: FakeObject = {
      ...structuredClone(object),
      metadata: {
        ...structuredClone(object.metadata),
        uid: current.metadata.uid,
        creationTimestamp: current.metadata.creationTimestamp,
        generation: current.metadata.generation,
        resourceVersion: current.metadata.resourceVersion,
        ...(current.metadata.deletionTimestamp === undefined
          ? {}
          : { deletionTimestamp: current.metadata.deletionTimestamp }),
      } as FakeObject['metadata'],
    };
    if (JSON.stringify(next) === JSON.stringify(current)) return current;
    if (JSON.stringify(next['spec']) !== JSON.stringify(current['spec'])) {
      next.metadata.generation = (current.metadata.generation ?? 1) + 1;
    }
    if (next.metadata.deletionTimestamp !== undefined && (next.metadata.finalizers ?? []).length === 0) {
      return this.#remove(kind, current);
    }
    return this.#write(kind, next, current);
  }

  /** Creates or replaces, for tests that play a controller. Status is stored. */
  put(resource: FakeResource | string, object: FakeObject): FakeObject {
    const known = this.find(resource, object.metadata.namespace, object.metadata.name);
    return known === undefined ? this.create(resource, object) : this.replace(resource, object);
  }

  /** Changes a copy of a stored object and stores it. */
  update(
    resource: FakeResource | string,
    namespace: string | undefined,
    name: string,
    change: (object: FakeObject) => void,
  ): FakeObject {
    const current = this.find(resource, namespace, name);
    if (current === undefined) throw notFound(this.#resource(resource).resource, name);
    const copy = structuredClone(current);
    change(copy);
    return this.replace(resource, copy);
  }

  /** Deletes, or marks while finalizers stand; dependants by owner reference go with it. */
  delete(
    resource: FakeResource | string,
    namespace: string | undefined,
    name: string,
    request: DeleteRequest = {},
  ): FakeObject {
    const kind = this.#resource(resource);
    const current = this.find(kind, namespace, name);
    if (current === undefined) throw notFound(kind.resource, name);
    if (request.uid !== undefined && request.uid !== current.metadata.uid) {
      throw conflict(
        kind.resource,
        name,
        `Precondition failed: UID in precondition: ${request.uid}, UID in object meta: ${current.metadata.uid}`,
      );
    }
    if ((current.metadata.finalizers ?? []).length > 0) {
      if (current.metadata.deletionTimestamp !== undefined) return current;
      const marked = structuredClone(current);
      marked.metadata.deletionTimestamp = new Date().toISOString();
      if (kind.resource === 'namespaces') marked['status'] = { phase: 'Terminating' };
      return this.#write(kind, marked, current);
    }
    const removed = this.#remove(kind, current);
    if (request.orphan !== true) this.#cascade(current);
    if (kind.resource === 'namespaces') this.#empty(name);
    return removed;
  }

  #remove(kind: FakeResource, current: FakeObject): FakeObject {
    const { namespace = '', name } = current.metadata;
    this.#objects.get(kind)?.get(namespace)?.delete(name);
    this.#disown(kind, current);
    const last = structuredClone(current);
    last.metadata.resourceVersion = String((this.#version += 1));
    this.#emit({ resourceVersion: this.#version, resource: kind, type: 'DELETED', object: last, previous: current });
    return last;
  }

  #write(kind: FakeResource, object: FakeObject, previous: FakeObject | undefined): FakeObject {
    object.metadata.resourceVersion = String((this.#version += 1));
    const { namespace = '', name } = object.metadata;
    const ofKind = this.#objects.get(kind) ?? new Map<string, Map<string, FakeObject>>();
    this.#objects.set(kind, ofKind.set(namespace, (ofKind.get(namespace) ?? new Map()).set(name, object)));
    if (previous !== undefined) this.#disown(kind, previous);
    this.#own(kind, object);
    const type = previous === undefined ? 'ADDED' : 'MODIFIED';
    this.#emit({ resourceVersion: this.#version, resource: kind, type, object, previous });
    return object;
  }

  #emit(event: StoredEvent): void {
    this.#history.push(event);
    if (this.#history.length > MOST_HISTORY) {
      this.#oldest = this.#history.splice(0, MOST_HISTORY / 10).at(-1)?.resourceVersion ?? this.#oldest;
    }
    for (const listener of [...this.#listeners]) listener(event);
  }

  #cascade({ metadata: { uid = '' } }: FakeObject): void {
    const owned = [...(this.#owned.get(uid)?.values() ?? [])].sort((a, b) => (a.order < b.order ? -1 : 1));
    for (const { kind, namespace, name } of owned) {
      if (this.find(kind, namespace, name) !== undefined) this.delete(kind, namespace, name);
    }
  }

  #own(kind: FakeResource, { metadata: { namespace, name, ownerReferences = [] } }: FakeObject): void {
    const order = `${String(FAKE_RESOURCES.indexOf(kind)).padStart(3, '0')} ${fakeKey(namespace, name)}`;
    for (const { uid = '' } of ownerReferences) {
      const owned = this.#owned.get(uid) ?? new Map<string, Owned>();
      this.#owned.set(uid, owned.set(order, { kind, namespace, name, order }));
    }
  }

  #disown(kind: FakeResource, { metadata: { namespace, name, ownerReferences = [] } }: FakeObject): void {
    const order = `${String(FAKE_RESOURCES.indexOf(kind)).padStart(3, '0')} ${fakeKey(namespace, name)}`;
    for (const { uid = '' } of ownerReferences) {
      const owned = this.#owned.get(uid);
      owned?.delete(order);
      if (owned?.size === 0) this.#owned.delete(uid);
    }
  }

  #empty(namespace: string): void {
    for (const kind of FAKE_RESOURCES.filter((one) => one.namespaced)) {
      for (const object of this.list(kind, namespace)) this.delete(kind, namespace, object.metadata.name);
    }
  }

  #checkNamespace(kind: FakeResource, namespace: string | undefined): void {
    if (!kind.namespaced) return;
    const found = this.find('namespaces', undefined, namespace ?? '');
    if (found === undefined) throw notFound('namespaces', namespace ?? '');
    if (found.metadata.deletionTimestamp !== undefined) {
      const message = `unable to create new content in namespace ${namespace} because it is being terminated`;
      throw new ApiFailure(403, 'Forbidden', message, {
        kind: kind.resource,
        causes: [
          {
            reason: 'NamespaceTerminating',
            message: `namespace ${namespace} is being terminated`,
            field: 'metadata.namespace',
          },
        ],
      });
    }
  }

  #resource(resource: FakeResource | string): FakeResource {
    if (typeof resource !== 'string') return resource;
    const found = FAKE_RESOURCES.find((one) => one.resource === resource);
    if (found === undefined) throw new Error(`the fake serves no resource ${resource}`);
    return found;
  }
}
