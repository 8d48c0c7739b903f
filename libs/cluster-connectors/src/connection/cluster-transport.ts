import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { Clock, Reason } from '@image-factory/domain';
import type { EgressPolicy } from '@image-factory/egress';
import { type Dispatcher, errors } from 'undici';
import type { CredentialFileRules } from '../auth/credential-file.js';
import { CredentialReader } from '../auth/credential-reader.js';
import type { BearerSource } from '../broker/token-broker.js';
import { toDomainError } from '../error/kube-error.js';
import { errorCode, PING_UNANSWERED } from '../error/network-error.js';
import { privateEndpointError } from '../error/private-endpoint-error.js';
import { responseError } from '../error/response-error.js';
import { bearerToken } from './bearer-token.js';
import type { ClusterAccess } from './cluster-access.js';
import { ClusterAgents } from './cluster-agents.js';
import type { ConnectObserver } from './connect-observer.js';
import { pathWithQuery, type KubeRequest } from './kube-request.js';
import type { ClusterPressure } from '../pressure/cluster-pressure.js';
import { isFromNode } from '../pressure/request-class.js';
import { trackSent, type SentTracker } from './sent-tracker.js';
import { TimeLimit } from './time-limit.js';

export interface ClusterTransportOptions {
  readonly access: ClusterAccess;
  readonly egress: EgressPolicy;
  readonly clock: Clock;
  readonly fileRules: CredentialFileRules;
  /** Decides when a request may go out. */
  readonly pressure: ClusterPressure;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly pingMs: number;
  readonly observer: ConnectObserver | undefined;
}

interface RawResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** What a server that is no longer there looks like, or another one at its address. */
const MOVED: readonly Reason[] = ['ClusterUnreachable', 'ClusterTlsFailed'];
const MAX_BODY_BYTES = 256 * 1024 * 1024;
const ERROR_BODY_BYTES = 64 * 1024;
/** What a connection that its server closes, or does not answer on any more, looks like to the request that meets it. */
const CLOSED_CODES: readonly (string | undefined)[] = [
  'UND_ERR_SOCKET',
  'ECONNRESET',
  'EPIPE',
  // Undici's name for what ends an HTTP/2 connection or a stream of it, among it GOAWAY without an error.
  'UND_ERR_INFO',
  'ERR_HTTP2_STREAM_ERROR',
  'ERR_HTTP2_SESSION_ERROR',
  'ERR_HTTP2_GOAWAY_SESSION',
  'ERR_HTTP2_INVALID_SESSION',
  PING_UNANSWERED,
];

/**
 * HTTP to one API server: sockets are reused, the token is asked for at each request, a 401 is tried once more with
 * another token when there is one, a read that met a connection which its server closed, or that is silent, is sent once
 * more. No redirect is followed. Each goes out when the cluster's pressure gives it its turn.
 * Failures are DomainErrors with `details.outcome`.
 */
export class ClusterTransport {
  readonly #options: ClusterTransportOptions;
  readonly #agents: ClusterAgents;
  readonly #token: BearerSource | undefined;
  readonly #origin: string;
  readonly #prefix: string;
  #outdated = false;
  #looking: Promise<void> | undefined;

  constructor(options: ClusterTransportOptions) {
    this.#options = options;
    this.#agents = new ClusterAgents(options);
    this.#token = bearerSource(options);
    const url = new URL(options.access.server);
    this.#origin = url.origin;
    this.#prefix = url.pathname.replace(/\/+$/, '');
  }

  /** The cluster is elsewhere now: connections that are made from now on reach it, this one does not. */
  get outdated(): boolean {
    return this.#outdated;
  }

  /** Sends and reads the whole answer; non-2xx is an error. */
  async exchange(request: KubeRequest): Promise<RawResponse> {
    try {
      return await this.#exchangeOnce(request);
    } catch (error) {
      const closed = CLOSED_CODES.includes(errorCode(error) ?? 'none');
      if (!closed || request.method !== 'GET' || request.signal?.aborted === true) throw error;
      return this.#exchangeOnce(request);
    }
  }

  /** Sends and gives the body as it comes; it is aborted by the request's signal. Non-2xx is an error. */
  async open(request: KubeRequest): Promise<{ status: number; headers: IncomingHttpHeaders; body: Readable }> {
    const limit = new TimeLimit(request.timeoutMs ?? this.#options.requestTimeoutMs, request.signal);
    const response = await this.#ready(request, limit)
      .then(() => this.#inTurn(request, 'stream', limit, () => this.#send(request, limit)))
      .catch((error: unknown) => {
        limit.clear();
        throw error;
      });
    limit.lift();
    response.body.once('close', () => limit.clear());
    // A reader sees the error when it reads; without a listener an abort before that would end the process.
    response.body.on('error', () => undefined);
    return { status: response.statusCode, headers: response.headers, body: response.body };
  }

  async close(): Promise<void> {
    this.#options.pressure.close();
    await this.#agents.close();
  }

  /** A token that has to be made first is waited for here, not in the turn: that is not the API server's time. */
  async #ready(request: KubeRequest, limit: TimeLimit): Promise<void> {
    const source = this.#token;
    if (source === undefined) return;
    try {
      await limit.cut(source.read());
    } catch (error) {
      throw toDomainError(error, { ...subjectOf(request), sent: false, timedOut: limit.timedOut });
    }
  }

  /** Nothing is sent before its turn; a stop or the time limit while it waits is `notSent`. */
  async #inTurn<T>(
    request: KubeRequest,
    kind: 'request' | 'stream',
    limit: TimeLimit,
    work: () => Promise<T>,
  ): Promise<T> {
    const pressed = {
      requestClass: request.requestClass,
      stream: kind === 'stream',
      signal: limit.signal,
      isStopped: () => (limit.signal.aborted && !limit.timedOut) || request.mayWrite?.() === false,
    };
    try {
      return await this.#options.pressure.run(pressed, work);
    } catch (error) {
      throw toDomainError(error, { ...subjectOf(request), sent: false, timedOut: limit.timedOut });
    }
  }

  async #exchangeOnce(request: KubeRequest): Promise<RawResponse> {
    const limit = new TimeLimit(request.timeoutMs ?? this.#options.requestTimeoutMs, request.signal);
    try {
      await this.#ready(request, limit);
      return await this.#inTurn(request, 'request', limit, async () => {
        const response = await this.#send(request, limit);
        const text = await readWhole(response.body, MAX_BODY_BYTES).catch((error: unknown) => {
          throw toDomainError(error, { ...subjectOf(request), sent: true, timedOut: limit.timedOut });
        });
        return { status: response.statusCode, headers: response.headers, text };
      });
    } finally {
      limit.clear();
    }
  }

  async #send(request: KubeRequest, limit: TimeLimit): Promise<Dispatcher.ResponseData> {
    const token = await this.#bearer();
    const first = await this.#dispatch(request, limit, token);
    if (first.statusCode !== 401) {
      this.#token?.accepted?.();
      this.#options.access.reached?.();
      return this.#accept(request, first, token);
    }
    const mayDiffer = token !== undefined && (await this.#another(token, first));
    if (!mayDiffer) {
      // A broker's tokens are made anew by themselves; what came with the description is not.
      if (this.#options.access.identity.kind !== 'broker') this.#lookAgain();
      return this.#accept(request, first, token);
    }
    await first.body.dump().catch(() => undefined);
    const again = await this.#bearer();
    return this.#accept(request, await this.#dispatch(request, limit, again), again);
  }

  async #dispatch(request: KubeRequest, limit: TimeLimit, token: string | undefined): Promise<Dispatcher.ResponseData> {
    const { method, mayWrite } = request;
    const tracker: SentTracker = { sent: false, mayRepeat: method === 'GET', mayWrite };
    try {
      const agent = await this.#agents.current();
      const answer = trackSent(agent, tracker).request({
        origin: this.#origin,
        path: pathWithQuery(this.#prefix, request),
        method: request.method,
        headers: headersOf(request, token),
        body: bodyOf(request),
        // An API server reads the options of a delete; without this undici closes the connection behind each.
        ...(request.method === 'DELETE' && request.body !== undefined ? { reset: false } : {}),
        signal: limit.signal,
      });
      return await limit.cut(answer);
    } catch (error) {
      const known = toDomainError(error, { ...subjectOf(request), sent: tracker.sent, timedOut: limit.timedOut });
      const stopped = limit.signal.aborted && !limit.timedOut;
      const isNodes = tracker.sent && isFromNode(request.requestClass);
      if (!stopped && !isNodes && MOVED.includes(known.reason)) this.#lookAgain();
      throw privateEndpointError(known, this.#options.access.privateEndpoint);
    }
  }

  async #accept(
    request: KubeRequest,
    response: Dispatcher.ResponseData,
    token: string | undefined,
  ): Promise<Dispatcher.ResponseData> {
    if (response.statusCode >= 200 && response.statusCode < 300) return response;
    const text = await readBounded(response.body, ERROR_BODY_BYTES);
    const body = token === undefined ? text : text.replaceAll(token, '[secret]');
    throw responseError({ status: response.statusCode, headers: response.headers, body }, subjectOf(request));
  }

  async #bearer(): Promise<string | undefined> {
    return this.#token?.read();
  }

  /** Finds out whether the cluster has moved, behind the back of the request that did not reach it. */
  #lookAgain(): void {
    const { hasMoved } = this.#options.access;
    if (hasMoved === undefined || this.#outdated || this.#looking !== undefined) return;
    this.#looking = hasMoved()
      .then((moved) => {
        this.#outdated = moved;
      })
      .catch(() => undefined)
      .finally(() => {
        this.#looking = undefined;
      });
  }

  /** Whether there is another token after a 401; the answer is let go of when asking for one fails. */
  async #another(refused: string, { body }: Dispatcher.ResponseData): Promise<boolean> {
    try {
      return (await this.#token?.invalidate(refused)) === true;
    } catch (error) {
      await body.dump().catch(() => undefined);
      throw error;
    }
  }
}

function bearerSource({ access, fileRules, clock }: ClusterTransportOptions): BearerSource | undefined {
  if (access.identity.kind === 'broker') return access.identity.broker;
  if (access.identity.kind !== 'token') return undefined;
  const reader = new CredentialReader(access.identity.token, fileRules, clock);
  return {
    read: async () => bearerToken(await reader.read()),
    invalidate: (refused) => reader.invalidate(refused).catch(() => false),
  };
}

function subjectOf(request: KubeRequest): { method: string; path: string } {
  return { method: request.method, path: request.path };
}

function headersOf(request: KubeRequest, token: string | undefined): Record<string, string> {
  return {
    accept: request.accept ?? 'application/json',
    'user-agent': 'image-factory',
    ...(request.body === undefined ? {} : { 'content-type': request.contentType ?? 'application/json' }),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
}

function bodyOf(request: KubeRequest): string | null {
  if (request.body === undefined) return null;
  return typeof request.body === 'string' ? request.body : JSON.stringify(request.body);
}

async function readWhole(body: Readable, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  await collect(body, maxBytes, chunks);
  return Buffer.concat(chunks).toString('utf8');
}

/** As much as there is, up to the limit. The status decides; a body that breaks off adds nothing. */
async function readBounded(body: Readable, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  await collect(body, maxBytes, chunks).catch(() => undefined);
  return Buffer.concat(chunks).toString('utf8');
}

async function collect(body: Readable, maxBytes: number, chunks: Buffer[]): Promise<void> {
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new errors.ResponseExceededMaxSizeError();
    chunks.push(chunk);
  }
}
