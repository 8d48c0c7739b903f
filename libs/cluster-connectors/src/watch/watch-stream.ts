import { type Clock, DomainError } from '@image-factory/domain';
import type { ClusterConnection } from '../connection/cluster-connection.js';
import { TABLE_ACCEPT } from '../connection/kube-request.js';
import { toDomainError } from '../error/kube-error.js';
import { responseError } from '../error/response-error.js';
import type { KubernetesObject, WatchedObject } from './kubernetes-object.js';
import { readLines } from './read-lines.js';
import { ColumnsMissing, isTable, type TableReader } from './table-form.js';

export interface WatchRequest {
  readonly connection: ClusterConnection;
  readonly path: string;
  readonly labelSelector: string;
  readonly table: TableReader | undefined;
  /** Undefined: the stream begins with the initial objects (WatchList). */
  readonly resourceVersion: string | undefined;
  /** After so long the server ends the watch by itself. */
  readonly timeoutSeconds: number;
  /** No byte for so long: the stream is dead. Longer than the server's bookmark interval (60 s). */
  readonly idleTimeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export type WatchEvent =
  | ({ readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly resourceVersion: string | undefined } & WatchedObject)
  /** `initialEnd`: the initial objects of a WatchList are complete. */
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string | undefined; readonly initialEnd: boolean };

/** Why a watch had to be ended here: its silence says that it is dead, and its resource version may be, too. */
export class WatchSilent extends Error {}

const INITIAL_END = 'k8s.io/initial-events-end';

/**
 * The events of one watch request, until the server ends it. Ends with an error when it breaks: DomainError (an answer,
 * an ERROR event, the network), WatchSilent (no bytes), ColumnsMissing, or SyntaxError (a line that is no JSON).
 */
export async function* watchStream(request: WatchRequest): AsyncGenerator<WatchEvent> {
  const watchdog = new Watchdog(request.clock, request.idleTimeoutMs, request.signal);
  try {
    request.table?.reset();
    const { body } = await request.connection.stream({
      requestClass: 'status',
      method: 'GET',
      path: request.path,
      query: queryOf(request),
      timeoutMs: request.idleTimeoutMs,
      signal: watchdog.signal,
      ...(request.table === undefined ? {} : { accept: TABLE_ACCEPT }),
    });
    for await (const line of readLines(body, () => watchdog.alive())) {
      yield* eventsOf(JSON.parse(line) as WireEvent, request.table);
    }
  } catch (error) {
    if (watchdog.silent) throw new WatchSilent(`no byte for ${request.idleTimeoutMs} ms`);
    throw error instanceof SyntaxError || error instanceof ColumnsMissing
      ? error
      : toDomainError(error, { sent: true });
  } finally {
    watchdog.stop();
  }
}

function queryOf(request: WatchRequest): Record<string, string | number | boolean | undefined> {
  return {
    watch: true,
    allowWatchBookmarks: true,
    labelSelector: request.labelSelector === '' ? undefined : request.labelSelector,
    timeoutSeconds: request.timeoutSeconds,
    includeObject: request.table === undefined ? undefined : 'Metadata',
    ...(request.resourceVersion === undefined
      ? { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' }
      : { resourceVersion: request.resourceVersion }),
  };
}

interface WireEvent {
  readonly type: string;
  readonly object: KubernetesObject & { readonly code?: number };
}

function* eventsOf(event: WireEvent, table: TableReader | undefined): Generator<WatchEvent> {
  const { type, object } = event;
  if (type === 'ERROR') {
    throw responseError({ status: object.code ?? 500, body: object, headers: {} }, { method: 'WATCH' });
  }
  if (type === 'BOOKMARK') {
    if (isTable(object)) table?.learn(object);
    const metadata = (isTable(object) ? object.rows?.[0]?.object?.metadata : undefined) ?? object.metadata;
    const resourceVersion = metadata.resourceVersion ?? object.metadata.resourceVersion;
    yield { type, resourceVersion, initialEnd: metadata.annotations?.[INITIAL_END] === 'true' };
    return;
  }
  if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED') {
    throw new DomainError({
      kind: 'Unavailable',
      reason: 'ClusterUnavailable',
      message: 'The watch sent an event of an unknown type.',
      fault: 'cluster',
      retryable: true,
    });
  }
  const watched = table !== undefined && isTable(object) ? table.read(object) : [{ object, row: undefined }];
  for (const one of watched) yield { type, ...one, resourceVersion: one.object.metadata.resourceVersion };
}

/** Aborts its signal when `alive` has not been called for the idle time. */
class Watchdog {
  readonly #controller = new AbortController();
  readonly #sleeping = new AbortController();
  readonly #parent: AbortSignal;
  readonly #onParent = (): void => this.#controller.abort(this.#parent.reason);
  #lastByteMs: number;
  silent = false;

  constructor(
    private readonly clock: Clock,
    private readonly idleMs: number,
    parent: AbortSignal,
  ) {
    this.#parent = parent;
    this.#lastByteMs = clock.monotonicMs();
    if (parent.aborted) this.#onParent();
    else parent.addEventListener('abort', this.#onParent, { once: true });
    void this.#watch();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  alive(): void {
    this.#lastByteMs = this.clock.monotonicMs();
  }

  stop(): void {
    this.#parent.removeEventListener('abort', this.#onParent);
    this.#sleeping.abort();
    this.#controller.abort();
  }

  async #watch(): Promise<void> {
    for (;;) {
      const leftMs = this.#lastByteMs + this.idleMs - this.clock.monotonicMs();
      if (leftMs <= 0) break;
      try {
        await this.clock.sleep(leftMs, this.#sleeping.signal);
      } catch {
        return;
      }
    }
    this.silent = true;
    this.#controller.abort();
  }
}
