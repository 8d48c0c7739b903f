import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { type Clock, DomainError } from '@image-factory/domain';
import type { EgressPolicy } from '@image-factory/egress';
import { systemClock } from '@image-factory/telemetry';
import {
  type ApiConstructor,
  type ApiType,
  AuthorizationV1Api,
  CoreV1Api,
  CustomObjectsApi,
  StorageV1Api,
  VersionApi,
} from '@kubernetes/client-node';
import type { CredentialFileRules } from '../auth/credential-file.js';
import type { ClusterAccess } from './cluster-access.js';
import { ClusterKubeConfig } from './cluster-kube-config.js';
import type { RenewalView } from '../broker/renewed-value.js';
import { ClusterTransport } from './cluster-transport.js';
import { ClusterPressure } from '../pressure/cluster-pressure.js';
import { pressureOptions, type PressureOptions } from '../pressure/pressure-options.js';
import type { BreakerState } from '../pressure/circuit-breaker.js';
import type { PressureView } from '../pressure/pressure-view.js';
import type { ConnectObserver } from './connect-observer.js';
import { credentialExpiry, type CredentialExpiry } from './credential-expiry.js';
import type { KubeRequest, KubeResponse } from './kube-request.js';

export interface ClusterConnectionOptions {
  readonly providerId: string;
  /** The provider's generation whose config and credential this connection was made from. */
  readonly generation: number;
  readonly access: ClusterAccess;
  readonly egress: EgressPolicy;
  readonly clock?: Clock;
  /** Default: no file may be read. */
  readonly fileRules?: CredentialFileRules;
  /** How much the cluster is asked at most; what is not given is {@link PRESSURE_DEFAULTS}. */
  readonly pressure?: Partial<PressureOptions>;
  /** Default 10 000. */
  readonly connectTimeoutMs?: number;
  /** Default limit of one request. Default 30 000. */
  readonly requestTimeoutMs?: number;
  /** Milliseconds between two pings of an HTTP/2 connection; unanswered for so long, it ends. Default 10 000. */
  readonly pingMs?: number;
  /** Sees every socket that is opened: metrics, log, traces. */
  readonly observer?: ConnectObserver;
}

/**
 * An authenticated connection to one API server, for one generation of one provider. It opens sockets when they are
 * needed and keeps them; making one costs no request. Modes: open; closed (every request fails, streams have ended).
 */
export class ClusterConnection {
  readonly providerId: string;
  readonly generation: number;
  readonly #pressure: ClusterPressure;
  readonly #transport: ClusterTransport;
  readonly #kubeConfig: ClusterKubeConfig;
  readonly #observer: ConnectObserver | undefined;
  readonly #credentialExpiry: () => Promise<CredentialExpiry | undefined>;
  readonly #tokens: () => RenewalView | undefined;
  readonly #clients = new Map<ApiConstructor<ApiType>, ApiType>();

  constructor(options: ClusterConnectionOptions) {
    this.providerId = options.providerId;
    this.generation = options.generation;
    const clock = options.clock ?? systemClock;
    const pressure = pressureOptions(options.pressure);
    const fileRules = options.fileRules ?? { allowedDirs: [], anyPath: false };
    this.#pressure = new ClusterPressure(pressure, clock);
    const { identity } = options.access;
    this.#tokens = () => (identity.kind === 'broker' ? identity.broker.view() : undefined);
    this.#transport = new ClusterTransport({
      access: options.access,
      egress: options.egress,
      clock,
      pressure: this.#pressure,
      fileRules,
      connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
      requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
      pingMs: options.pingMs ?? 10_000,
      observer: options.observer,
    });
    this.#kubeConfig = new ClusterKubeConfig(options.access.server, this.#transport);
    this.#observer = options.observer;
    this.#credentialExpiry = () => credentialExpiry(options.access.identity, fileRules, clock);
  }

  get core(): CoreV1Api {
    return this.client(CoreV1Api);
  }

  get customObjects(): CustomObjectsApi {
    return this.client(CustomObjectsApi);
  }

  get version(): VersionApi {
    return this.client(VersionApi);
  }

  get storage(): StorageV1Api {
    return this.client(StorageV1Api);
  }

  get authorization(): AuthorizationV1Api {
    return this.client(AuthorizationV1Api);
  }

  get breaker(): BreakerState {
    return this.#pressure.breaker;
  }

  /** How much the cluster is asked, who waits, and whether it is left alone. */
  get pressure(): PressureView {
    return this.#pressure.view();
  }

  /** Sockets that are open now; 0 without an observer. */
  get openSockets(): number {
    return this.#observer?.open ?? 0;
  }

  /** When the credential in use ends; undefined when it does not say. */
  credentialExpiry(): Promise<CredentialExpiry | undefined> {
    return this.#credentialExpiry();
  }

  /** True when its cloud says that the cluster is elsewhere now: a new connection is needed. */
  get outdated(): boolean {
    return this.#transport.outdated;
  }

  /** How the tokens of a cloud's identity are renewed, for all connections to the cluster; undefined for others. */
  get tokens(): RenewalView | undefined {
    return this.#tokens();
  }

  /** Any typed client of @kubernetes/client-node over this connection, as `status`. Its failures are DomainErrors. */
  client<T extends ApiType>(type: ApiConstructor<T>): T {
    const known = this.#clients.get(type);
    if (known !== undefined) return known as T;
    const made = this.#kubeConfig.makeApiClient(type);
    this.#clients.set(type, made);
    return made;
  }

  /**
   * One request with its whole answer.
   * @throws DomainError (see `toDomainError`) with details {status, kubeReason, outcome}; never with a body's text in its message
   */
  async request<T>(request: KubeRequest): Promise<KubeResponse<T>> {
    const response = await this.#transport.exchange(request);
    const type = String(response.headers['content-type'] ?? '');
    const body: unknown =
      type.includes('json') && response.text !== '' ? parseBody(response.text, request) : response.text;
    return { status: response.status, headers: response.headers, body: body as T };
  }

  /**
   * One request whose body is read as it comes: watches and logs. `timeoutMs` bounds the wait for the head of the
   * answer only. The caller must read the body to its end, destroy it, or abort the signal; and handle its errors.
   * @throws DomainError as `request`
   */
  async stream(request: KubeRequest): Promise<{ status: number; headers: IncomingHttpHeaders; body: Readable }> {
    return this.#transport.open(request);
  }

  /** Ends all requests and streams and closes every socket. */
  async close(): Promise<void> {
    await this.#transport.close();
  }
}

function parseBody(text: string, request: KubeRequest): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new DomainError({
      kind: 'Unavailable',
      reason: 'ClusterUnavailable',
      message: `The answer to ${request.method} ${request.path} is not valid JSON.`,
      fault: 'cluster',
      retryable: true,
      details: { outcome: 'unknown' },
    });
  }
}
