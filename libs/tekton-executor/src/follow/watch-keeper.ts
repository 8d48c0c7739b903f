import { DomainError, isDomainError } from '@image-factory/domain';
import type { Clock } from '@image-factory/domain';
import type { ClusterConnection, ClusterConnectionProvider, HeldConnection } from '@image-factory/cluster-connectors';
import type { Logger } from '@image-factory/telemetry';
import type { AttemptViews } from './attempt-views.js';
import { backOffMs } from './back-off.js';
import { ClusterWatches } from './cluster-watches.js';

export interface WatchKeeperOptions {
  readonly connections: ClusterConnectionProvider;
  readonly providerId: string;
  readonly installationId: string;
  /** As in FollowerOptions. */
  readonly watchStaleMs: number;
  readonly views: AttemptViews;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Watches with the connection that they hold. */
interface Running {
  readonly held: HeldConnection;
  readonly watches: ClusterWatches;
  readonly shards: readonly number[];
}

const BACK_OFF_MS = { first: 200, most: 15_000 };

/**
 * Keeps the watches of one provider running for the shards that are held now, over connections that come and go.
 *
 * Modes: `idle` (no shards: nothing is watched or held); `opening` (a connection is asked for, or the first lists are
 * awaited; the previous watches run on, so that nothing is blind meanwhile); `watching`; `closed`. A change of shards or of
 * the provider's generation leads to `opening`; what was being opened for an older wish is dropped.
 */
export class WatchKeeper {
  readonly #options: WatchKeeperOptions;
  readonly #closing = new AbortController();
  readonly #undoChanged: () => void;
  #wanted: readonly number[] = [];
  #wish = new AbortController();
  #running: Running | undefined;
  #loop: Promise<void> = Promise.resolve();
  #blindSinceMs: number;
  #lastError: Error | undefined;
  #settled: Promise<void> = Promise.resolve();

  constructor(options: WatchKeeperOptions) {
    this.#options = options;
    this.#blindSinceMs = options.clock.monotonicMs();
    this.#undoChanged = options.connections.onChanged(options.providerId, () => {
      this.#renew();
    });
  }

  get shards(): readonly number[] {
    return this.#wanted;
  }

  setShards(shards: readonly number[]): void {
    const sorted = [...new Set(shards)].sort((a, b) => a - b);
    if (sorted.join() === this.#wanted.join()) return;
    this.#wanted = sorted;
    this.#renew();
  }

  /** Resolves when the first lists for the present shards are in. */
  async ready(signal: AbortSignal): Promise<void> {
    for (;;) {
      const settled = this.#settled;
      await orAbort(settled, AbortSignal.any([signal, this.#closing.signal]));
      if (settled === this.#settled) return;
    }
  }

  /** Watches whose first lists are in and that see this shard. */
  covering(shard: number): ClusterWatches | undefined {
    return this.#running?.shards.includes(shard) === true ? this.#running.watches : undefined;
  }

  /** Watches that see all that is wanted now. */
  current(): ClusterWatches | undefined {
    return this.#running?.shards.join() === this.#wanted.join() ? this.#running.watches : undefined;
  }

  /**
   * The connection that is held.
   * @throws DomainError Unavailable: why there is none
   */
  connection(): ClusterConnection {
    const connection = this.#running?.held.connection;
    if (connection !== undefined) return connection;
    if (isDomainError(this.#lastError)) throw this.#lastError;
    throw new DomainError({
      kind: 'Unavailable',
      reason: 'ClusterUnreachable',
      message: `No connection to the cluster of provider ${this.#options.providerId} is open yet.`,
      fault: 'cluster',
      retryable: true,
      details: { outcome: 'notSent' },
    });
  }

  /** Why the cluster cannot be seen, when that is known. */
  get lastError(): Error | undefined {
    return this.#lastError;
  }

  ageMs(): number {
    if (this.#wanted.length === 0) return 0;
    return this.#running?.watches.ageMs() ?? this.#options.clock.monotonicMs() - this.#blindSinceMs;
  }

  /** The watches have proved nothing for so long that what they told may be past. */
  get isStale(): boolean {
    return this.ageMs() > this.#options.watchStaleMs;
  }

  async close(): Promise<void> {
    this.#undoChanged();
    this.#closing.abort(new Error('the follower is closed'));
    this.#wish.abort();
    await this.#loop;
    await this.#stop();
  }

  /** Begins to open watches for what is wanted now; an opening for an older wish ends. */
  #renew(): void {
    if (this.#closing.signal.aborted) return;
    this.#wish.abort();
    const wish = new AbortController();
    this.#wish = wish;
    const signal = AbortSignal.any([wish.signal, this.#closing.signal]);
    this.#loop = this.#loop.then(() => this.#open(signal));
    // One that is superseded settles too; whoever waits looks again at what is wanted by then.
    this.#settled = this.#loop;
  }

  async #open(signal: AbortSignal): Promise<void> {
    if (this.#wanted.length === 0) {
      await this.#stop();
      this.#options.views.retain(new Set());
      return;
    }
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        return await this.#openOnce(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#lastError = error as Error;
        this.#options.logger.warn('The cluster cannot be watched yet; trying again.', {
          provider: this.#options.providerId,
          error,
        });
        await this.#options.clock.sleep(backOffMs(failures, BACK_OFF_MS), signal).catch(() => undefined);
      }
    }
  }

  async #openOnce(signal: AbortSignal): Promise<void> {
    const { connections, providerId, installationId, views, clock, logger } = this.#options;
    const held = await connections.hold(providerId);
    const shards = this.#wanted;
    const onError = (error: Error): void => {
      this.#lastError = error;
    };
    const watches = new ClusterWatches({
      connection: held.connection,
      installationId,
      shards,
      views,
      onError,
      clock,
      logger,
    });
    try {
      signal.throwIfAborted();
      watches.start();
      await watches.ready(signal);
    } catch (error) {
      await watches.close();
      held.release();
      throw error;
    }
    const previous = this.#running;
    this.#running = { held, watches, shards };
    this.#lastError = undefined;
    await release(previous);
    views.replace(watches.known(), new Set(shards));
  }

  async #stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    this.#blindSinceMs = this.#options.clock.monotonicMs();
    await release(running);
  }
}

async function release(running: Running | undefined): Promise<void> {
  await running?.watches.close();
  running?.held.release();
}

function orAbort(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    void promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
