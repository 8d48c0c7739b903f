import { type DomainError, isDomainError } from '@image-factory/domain';
import { isKeptAway } from '../pressure/pressure-error.js';
import { backOffMs, type BackOffOptions } from './back-off.js';
import { listPages } from './list-pages.js';
import type { ListWatchOptions } from './list-watch-options.js';
import { objectKey, type WatchedObject } from './kubernetes-object.js';
import { ObjectStore } from './object-store.js';
import { ColumnsMissing, TableReader } from './table-form.js';
import { type WatchEvent, WatchSilent, watchStream } from './watch-stream.js';

const DEFAULT_BACK_OFF: BackOffOptions = { floorMs: 100, baseMs: 500, capMs: 30_000 };
const DEFAULT_IDLE_MS = 90_000;
const DEFAULT_WATCH_SECONDS: readonly [number, number] = [240, 300];
const DEFAULT_RELIST_MS = 15 * 60_000;
/** So many interruptions in a row without any news, and the resource version itself is doubted. */
const DOUBT_AFTER = 3;
/** A watch that ends by itself sooner than this is counted as a failure, so that a sick server is not hammered. */
const SHORT_WATCH_MS = 1_000;

/**
 * A list that keeps itself current, for one resource of one cluster: one watch for all builds, never one per build.
 *
 * Modes: `idle` (before `start`); `listing` (no resource version: a whole list replaces what is known, deletions that
 * were missed are told); `watching` (from the last version; events and bookmarks move it); `backing off` (after an
 * error, full jitter, Retry-After honoured; or as long as the breaker says); `closed`. What leads back to `listing`: 410
 * as a status or an event, silence longer than the idle time, a version that goes backwards (a restored etcd), three
 * interruptions in a row, the relist time.
 * Every other end of a watch resumes from the last version, so nothing between two watches is missed.
 *
 * Handlers are called one after the other, in the order of the server; what they throw is logged.
 */
export class ListWatch<T> {
  readonly #options: ListWatchOptions<T>;
  readonly #store: ObjectStore<T>;
  readonly #closing = new AbortController();
  readonly #ready: Promise<void>;
  #markReady: () => void = () => undefined;
  #running: Promise<void> | undefined;
  #table: TableReader | undefined;
  #watchList: boolean;
  #resourceVersion: string | undefined;
  /** Without any news since: of the server, which the back-off counts; and of whatever kind. */
  #failures = 0;
  #interruptions = 0;
  #listedAtMs = Number.NEGATIVE_INFINITY;
  #aliveAtMs: number;

  constructor(options: ListWatchOptions<T>) {
    this.#options = options;
    this.#store = new ObjectStore(options, options.logger);
    this.#table = options.form === 'table' ? new TableReader(options.columns ?? ['Succeeded', 'Reason']) : undefined;
    this.#watchList = options.initial === 'watch-list';
    this.#aliveAtMs = options.clock.monotonicMs();
    this.#ready = new Promise((resolve) => (this.#markReady = resolve));
  }

  /** Begins to list and watch in the background. Idempotent. */
  start(): void {
    this.#aliveAtMs = this.#options.clock.monotonicMs();
    this.#running ??= this.#run();
  }

  /** Resolves when the first list is in. Rejects with the signal's reason, or when the watch is closed before. */
  ready(signal: AbortSignal): Promise<void> {
    return raceAbort(this.#ready, [signal, this.#closing.signal]);
  }

  /** Milliseconds since the last proof of life: an event, a bookmark or an answered list. */
  ageMs(): number {
    return this.#options.clock.monotonicMs() - this.#aliveAtMs;
  }

  /** What is known now, by `<namespace>/<name>`. */
  items(): ReadonlyMap<string, T> {
    return this.#store.values;
  }

  /** Ends the watch; no handler is called once it has resolved. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('the watch is closed'));
    await this.#running;
  }

  async #run(): Promise<void> {
    const signal = this.#closing.signal;
    while (!signal.aborted) {
      const startedMs = this.#options.clock.monotonicMs();
      try {
        if (this.#resourceVersion === undefined && !this.#watchList) await this.#list();
        await this.#watch();
        if (this.#options.clock.monotonicMs() - startedMs < SHORT_WATCH_MS) await this.#pause(undefined);
      } catch (error) {
        if (signal.aborted) return;
        if (this.#recover(error as Error)) continue;
        await this.#pause(error as Error);
      }
    }
  }

  async #list(): Promise<void> {
    const { connection, path, labelSelector, pageSize } = this.#options;
    const listed = new Set<string>();
    const resourceVersion = await listPages({
      connection,
      path,
      labelSelector,
      table: this.#table,
      pageSize: pageSize ?? 500,
      signal: this.#closing.signal,
      onBegin: () => listed.clear(),
      onPage: (items) => {
        for (const item of items) this.#take(item, listed);
      },
    });
    if (this.#closing.signal.aborted) return;
    this.#store.retain(listed);
    this.#listed(resourceVersion);
  }

  async #watch(): Promise<void> {
    const { connection, path, labelSelector, clock, idleTimeoutMs } = this.#options;
    const [least, most] = this.#options.watchSeconds ?? DEFAULT_WATCH_SECONDS;
    // Defined while the initial objects of a WatchList come.
    let listed = this.#resourceVersion === undefined ? new Set<string>() : undefined;
    const events = watchStream({
      connection,
      path,
      labelSelector,
      table: this.#table,
      resourceVersion: this.#resourceVersion,
      timeoutSeconds: Math.round(least + Math.random() * (most - least)),
      idleTimeoutMs: idleTimeoutMs ?? DEFAULT_IDLE_MS,
      clock,
      signal: this.#closing.signal,
    });
    for await (const event of events) {
      if (this.#closing.signal.aborted) return;
      this.#alive();
      if (listed === undefined) {
        if (!this.#apply(event)) return;
      } else if (event.type === 'BOOKMARK') {
        if (!event.initialEnd) continue;
        this.#store.retain(listed);
        listed = undefined;
        this.#listed(event.resourceVersion ?? '');
      } else if (event.type === 'DELETED') {
        listed.delete(objectKey(event.object.metadata));
        this.#store.remove(event.object);
      } else {
        this.#take(event, listed);
      }
    }
    if (clock.monotonicMs() - this.#listedAtMs > (this.#options.relistMs ?? DEFAULT_RELIST_MS)) {
      this.#resourceVersion = undefined;
    }
  }

  /** One object of a list. Handlers are not called once the watch is closed. */
  #take(item: WatchedObject, listed: Set<string>): void {
    if (this.#closing.signal.aborted) return;
    listed.add(objectKey(item.object.metadata));
    this.#store.upsert(item);
  }

  /** False when the version went backwards: what is known is doubted, and listed anew. */
  #apply(event: WatchEvent): boolean {
    if (goesBack(this.#resourceVersion, event.resourceVersion)) {
      this.#options.logger.warn('The resource version went backwards: listing anew.', { path: this.#options.path });
      this.#resourceVersion = undefined;
      return false;
    }
    if (event.type === 'DELETED') this.#store.remove(event.object);
    else if (event.type !== 'BOOKMARK') this.#store.upsert(event);
    this.#resourceVersion = event.resourceVersion ?? this.#resourceVersion;
    return true;
  }

  /** True when the next try may follow at once, because this one has taught how. */
  #recover(error: Error): boolean {
    if (error instanceof ColumnsMissing) {
      this.#options.logger.warn('The Table form has not the columns that are read: going on with whole objects.', {
        path: this.#options.path,
        missing: error.missing,
      });
      this.#table = undefined;
      this.#resourceVersion = undefined;
      return true;
    }
    if (
      this.#watchList &&
      this.#resourceVersion === undefined &&
      isDomainError(error) &&
      error.reason === 'ObjectInvalid'
    ) {
      this.#watchList = false;
      return true;
    }
    return false;
  }

  async #pause(error: Error | undefined): Promise<void> {
    const keptAway = isKeptAway(error);
    const attempt = keptAway ? 0 : this.#failures;
    if (!keptAway) this.#failures += 1;
    this.#interruptions += 1;
    if (error !== undefined) this.#failed(error);
    const least = isDomainError(error) ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
    const delayMs = Math.max(least, backOffMs(attempt, this.#options.backOff ?? DEFAULT_BACK_OFF));
    await this.#options.clock.sleep(delayMs, this.#closing.signal).catch(() => undefined);
  }

  #failed(error: DomainError | Error): void {
    const expired = isDomainError(error) && error.reason === 'ResourceExpired';
    if (expired || error instanceof WatchSilent || this.#interruptions >= DOUBT_AFTER) {
      this.#resourceVersion = undefined;
    }
    this.#options.logger.debug('The watch was interrupted.', { path: this.#options.path, error });
    try {
      this.#options.onError?.(error);
    } catch (thrown) {
      this.#options.logger.error("The watch's onError handler failed.", { error: thrown });
    }
  }

  #listed(resourceVersion: string): void {
    this.#resourceVersion = resourceVersion;
    this.#listedAtMs = this.#options.clock.monotonicMs();
    this.#alive();
    this.#markReady();
  }

  #alive(): void {
    this.#aliveAtMs = this.#options.clock.monotonicMs();
    this.#failures = 0;
    this.#interruptions = 0;
  }
}

/** Versions are compared as numbers (Kubernetes 1.35 promises the order); others are not compared. */
function goesBack(known: string | undefined, next: string | undefined): boolean {
  if (known === undefined || next === undefined || !/^[0-9]+$/.test(known) || !/^[0-9]+$/.test(next)) return false;
  return BigInt(next) < BigInt(known);
}

function raceAbort(promise: Promise<void>, signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const undo = (): void =>
      signals.forEach((signal, index) => signal.removeEventListener('abort', listeners[index] ?? undo));
    const listeners = signals.map((signal) => (): void => {
      undo();
      reject(signal.reason as Error);
    });
    const aborted = signals.find((signal) => signal.aborted);
    if (aborted !== undefined) {
      reject(aborted.reason as Error);
      return;
    }
    signals.forEach((signal, index) => signal.addEventListener('abort', listeners[index] ?? undo, { once: true }));
    void promise.then(() => {
      undo();
      resolve();
    });
  });
}
