import type { Socket } from 'node:net';
import { type Clock, isDomainError } from '@image-factory/domain';
import { type Logger, type Metrics, systemClock, withSpan } from '@image-factory/telemetry';
import type { buildConnector } from 'undici';
import { toDomainError } from '../error/kube-error.js';
import { errorCode } from '../error/network-error.js';

export interface ConnectObserverOptions {
  readonly provider: { readonly id: string; readonly name: string };
  /** Auth method, as the provider's config has it. */
  readonly method: string;
  readonly logger: Logger;
  readonly metrics?: Metrics;
  readonly clock?: Clock;
}

const KINDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  ETIMEDOUT: 'timeout',
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  EHOSTUNREACH: 'no_route',
  ENETUNREACH: 'no_route',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
};

/** Why a socket could not be opened, in one of few words, for a metric's label. */
export function connectFailureKind(error: unknown): string {
  const known = toDomainError(error, { sent: false });
  if (known.reason === 'EgressForbidden') return 'forbidden';
  if (known.details['egressReason'] === 'ResolutionFailed') return 'dns';
  if (known.reason === 'ClusterTlsFailed') return 'tls';
  return KINDS[errorCode(isDomainError(error) ? error.cause : error) ?? ''] ?? 'other';
}

/**
 * Sees every socket that is opened to one cluster: counts attempts, successes, failures by kind and the time they took,
 * traces each, and knows how many are open.
 *
 * Modes: *away* (no socket is open) → *connected* → away. What is logged are the changes: the attempt that leaves `away`
 * and its result; while the cluster cannot be reached the first failure only, the others at debug level.
 */
export class ConnectObserver {
  readonly #options: ConnectObserverOptions;
  readonly #clock: Clock;
  #open = 0;
  #pending = 0;
  #failing = false;

  constructor(options: ConnectObserverOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Sockets that are open now. */
  get open(): number {
    return this.#open;
  }

  /** The same connector, seen. */
  observe(connect: buildConnector.connector): buildConnector.connector {
    const { provider, method } = this.#options;
    return (target, callback) => {
      const told = this.#begin();
      const startedMs = this.#clock.monotonicMs();
      const seconds = (): number => (this.#clock.monotonicMs() - startedMs) / 1000;
      const attributes = { 'image_factory.provider': provider.id, 'image_factory.auth_method': method };
      const work = (span: { setAttribute(name: string, value: string): unknown }): Promise<Socket> =>
        connected(connect, target).catch((error: unknown) => {
          span.setAttribute('image_factory.failure', connectFailureKind(error));
          throw error;
        });
      void withSpan('connect cluster', attributes, work).then(
        (socket) => {
          this.#succeeded(socket, seconds(), told);
          callback(null, socket);
        },
        (error: Error) => {
          this.#failed(error, seconds(), told);
          callback(error, null);
        },
      );
    };
  }

  #begin(): boolean {
    const { provider, method, logger, metrics } = this.#options;
    const told = this.#open === 0 && this.#pending === 0;
    this.#pending += 1;
    metrics?.count('clusterConnectAttempts', 1, { provider: provider.id });
    const fields = { cluster: provider.name, provider: provider.id, method };
    if (told && !this.#failing) logger.info('attempting cluster connection', fields);
    else logger.debug('attempting cluster connection', fields);
    return told;
  }

  #succeeded(socket: Socket, seconds: number, told: boolean): void {
    const { logger } = this.#options;
    this.#ended(seconds);
    this.#options.metrics?.count('clusterConnectSuccesses', 1, { provider: this.#options.provider.id });
    this.#open += 1;
    socket.once('close', () => {
      this.#open -= 1;
    });
    if (told || this.#failing) logger.info('cluster connection successful', this.#result(true, seconds));
    this.#failing = false;
  }

  #failed(error: Error, seconds: number, told: boolean): void {
    const { logger, metrics, provider } = this.#options;
    const kind = connectFailureKind(error);
    this.#ended(seconds);
    metrics?.count('clusterConnectFailures', 1, { provider: provider.id, reason: kind });
    const known = toDomainError(error, { sent: false });
    const fields = { ...this.#result(false, seconds), reason: known.reason, kind, error: known.message };
    if (told && !this.#failing) logger.error('cluster connection failed', fields);
    else logger.debug('cluster connection failed', fields);
    if (told) this.#failing = true;
  }

  #ended(seconds: number): void {
    this.#pending -= 1;
    this.#options.metrics?.recordSeconds('clusterConnectDuration', seconds, { provider: this.#options.provider.id });
  }

  #result(success: boolean, seconds: number): Record<string, unknown> {
    const { provider, method } = this.#options;
    return { cluster: provider.name, provider: provider.id, method, success, duration_ms: Math.round(seconds * 1000) };
  }
}

function connected(connect: buildConnector.connector, target: buildConnector.Options): Promise<Socket> {
  return new Promise((resolve, reject) => {
    connect(target, (error, socket) => {
      if (error === null) resolve(socket);
      else reject(error);
    });
  });
}
