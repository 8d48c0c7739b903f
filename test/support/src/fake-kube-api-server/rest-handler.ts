import { badRequest, conflict, expired, invalid, notFound, ApiFailure } from './api-status.js';
import { fieldMatcher, labelMatcher, type FakeObject } from './fake-object.js';
import type { FakeObjectStore } from './fake-object-store.js';
import type { SeenKubeRequest } from './fault-script.js';
import { applyPatch } from './patch-object.js';
import { apiVersionOf, type FakeTarget } from './resource-table.js';
import { tableOf } from './table-answer.js';

export interface RestAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** Everything but watches and logs: one request against the store. @throws ApiFailure */
export function handleRest(
  store: FakeObjectStore,
  target: FakeTarget,
  request: SeenKubeRequest,
  table: boolean,
  withoutColumns: boolean,
): RestAnswer {
  switch (request.method) {
    case 'GET':
      return target.name === undefined ? list(store, target, request, table, withoutColumns) : read(store, target);
    case 'POST':
      return create(store, target, request);
    case 'PUT':
      return replace(store, target, request);
    case 'PATCH':
      return patch(store, target, request);
    case 'DELETE':
      return target.name === undefined ? deleteMany(store, target, request) : deleteOne(store, target, request);
    default:
      throw new ApiFailure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');
  }
}

function read(store: FakeObjectStore, target: FakeTarget): RestAnswer {
  return { status: 200, body: stored(store, target) };
}

function list(
  store: FakeObjectStore,
  target: FakeTarget,
  request: SeenKubeRequest,
  table: boolean,
  withoutColumns: boolean,
): RestAnswer {
  const { query } = request;
  const wanted = Number(query.get('resourceVersion') ?? '0');
  if (wanted > store.resourceVersion) {
    throw new ApiFailure(504, 'Timeout', `Too large resource version: ${wanted}, current: ${store.resourceVersion}`, {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    });
  }
  if (query.get('resourceVersionMatch') === 'Exact' && wanted < store.resourceVersion) {
    throw expired('The resourceVersion for the provided list is too old.');
  }
  const all = store.list(target.resource, target.namespace).filter(matcher(query));
  const start = continueAt(store, query.get('continue'));
  const limit = Number(query.get('limit') ?? '0');
  const page = limit > 0 ? all.slice(start, start + limit) : all.slice(start);
  const more = start + page.length < all.length;
  const metadata = {
    resourceVersion: String(store.resourceVersion),
    ...(more
      ? {
          continue: continueToken(store.resourceVersion, start + page.length),
          remainingItemCount: all.length - start - page.length,
        }
      : {}),
  };
  if (table) {
    const include = query.get('includeObject') ?? undefined;
    return {
      status: 200,
      body: tableOf(target.resource.resource, page, metadata, { definitions: true, include, withoutColumns }),
    };
  }
  return {
    status: 200,
    body: { kind: `${target.resource.kind}List`, apiVersion: apiVersionOf(target.resource), metadata, items: page },
  };
}

function create(store: FakeObjectStore, target: FakeTarget, request: SeenKubeRequest): RestAnswer {
  const object = parseObject(request, target);
  if (target.resource.status) delete object['status'];
  if (request.query.get('dryRun') === 'All') return { status: 201, body: object };
  return { status: 201, body: store.create(target.resource, object) };
}

function replace(store: FakeObjectStore, target: FakeTarget, request: SeenKubeRequest): RestAnswer {
  const current = stored(store, target);
  const object = parseObject(request, target);
  const version = object.metadata.resourceVersion;
  if (version !== undefined && version !== current.metadata.resourceVersion) {
    throw conflict(
      target.resource.resource,
      current.metadata.name,
      'the object has been modified; please apply your changes to the latest version and try again',
    );
  }
  return { status: 200, body: store.replace(target.resource, withStatusOf(target, current, object)) };
}

function patch(store: FakeObjectStore, target: FakeTarget, request: SeenKubeRequest): RestAnswer {
  const name = target.name ?? '';
  const apply = request.contentType.startsWith('application/apply-patch');
  if (apply && request.query.get('fieldManager') === null) throw badRequest('fieldManager is required for apply patch');
  const body = parseJson(request.bodyText);
  const current = store.find(target.resource, target.namespace, name);
  if (current === undefined) {
    if (!apply) throw notFound(target.resource.resource, name);
    return { status: 201, body: store.create(target.resource, parseObject(request, target)) };
  }
  const uid = (body as { metadata?: { uid?: string } } | undefined)?.metadata?.uid;
  if (uid !== undefined && uid !== current.metadata.uid) {
    throw invalid(`metadata.uid: Invalid value: "${uid}": field is immutable`);
  }
  const patched = applyPatch(current, body, request.contentType, target.resource.group.includes('.dev'));
  if (request.query.get('dryRun') === 'All') return { status: 200, body: patched };
  return { status: 200, body: store.replace(target.resource, withStatusOf(target, current, patched)) };
}

function deleteOne(store: FakeObjectStore, target: FakeTarget, request: SeenKubeRequest): RestAnswer {
  const options = (request.bodyText === '' ? {} : parseJson(request.bodyText)) as {
    preconditions?: { uid?: string };
    propagationPolicy?: string;
  };
  const policy = options.propagationPolicy ?? request.query.get('propagationPolicy');
  const body = store.delete(target.resource, target.namespace, target.name ?? '', {
    uid: options.preconditions?.uid,
    orphan: policy === 'Orphan',
  });
  return { status: 200, body };
}

function deleteMany(store: FakeObjectStore, target: FakeTarget, request: SeenKubeRequest): RestAnswer {
  const items = store.list(target.resource, target.namespace).filter(matcher(request.query));
  for (const item of items) {
    if (store.find(target.resource, item.metadata.namespace, item.metadata.name) === undefined) continue;
    store.delete(target.resource, item.metadata.namespace, item.metadata.name);
  }
  return {
    status: 200,
    body: { kind: `${target.resource.kind}List`, apiVersion: apiVersionOf(target.resource), metadata: {}, items },
  };
}

function stored(store: FakeObjectStore, target: FakeTarget): FakeObject {
  const found = store.find(target.resource, target.namespace, target.name ?? '');
  if (found === undefined) throw notFound(target.resource.resource, target.name ?? '');
  return found;
}

/** A write to the main resource leaves the status; one to `/status` changes nothing else. */
function withStatusOf(target: FakeTarget, current: FakeObject, next: FakeObject): FakeObject {
  if (!target.resource.status) return next;
  if (target.subresource === 'status') return { ...structuredClone(current), status: next['status'] };
  if (current['status'] === undefined) {
    delete next['status'];
    return next;
  }
  return { ...next, status: current['status'] };
}

function parseObject(request: SeenKubeRequest, target: FakeTarget): FakeObject {
  const object = parseJson(request.bodyText) as FakeObject;
  if (typeof object?.metadata !== 'object') throw badRequest('the object has no metadata');
  if (object.kind !== undefined && object.kind !== target.resource.kind) {
    throw badRequest(`${object.kind} in the body is not ${target.resource.kind} of the path`);
  }
  const namespace = target.namespace ?? object.metadata.namespace;
  if (
    target.resource.namespaced &&
    target.namespace !== undefined &&
    (object.metadata.namespace ?? target.namespace) !== target.namespace
  ) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  if (target.name === undefined && (object.metadata.name ?? '') === '' && object.metadata.generateName === undefined) {
    throw invalid('name or generateName is required');
  }
  return {
    ...object,
    metadata: {
      ...object.metadata,
      name: target.name ?? object.metadata.name,
      ...(target.resource.namespaced ? { namespace: namespace ?? '' } : {}),
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badRequest('the object provided is unrecognized');
  }
}

function matcher(query: URLSearchParams): (object: FakeObject) => boolean {
  const label = labelMatcher(query.get('labelSelector') ?? undefined);
  const field = fieldMatcher(query.get('fieldSelector') ?? undefined);
  return (object) => label(object) && field(object);
}

function continueToken(version: number, start: number): string {
  return Buffer.from(JSON.stringify({ rv: version, start })).toString('base64url');
}

function continueAt(store: FakeObjectStore, token: string | null): number {
  if (token === null || token === '') return 0;
  const { rv, start } = JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as { rv: number; start: number };
  if (store.eventsAfter(rv) === undefined)
    throw expired('The provided continue parameter is too old to display a consistent list result.');
  return start;
}
