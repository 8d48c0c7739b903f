import type { Socket } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Clock } from '@image-factory/domain';
import { egressConnector, type EgressPolicy } from '@image-factory/egress';
import { Agent, type buildConnector } from 'undici';
import type { CredentialFileRules } from '../auth/credential-file.js';
import { CredentialReader } from '../auth/credential-reader.js';
import type { ClusterAccess } from './cluster-access.js';
import type { ConnectObserver } from './connect-observer.js';
import { proxyConnector } from './proxy-connector.js';
import { SPEAKS_HTTP2, HTTP2_SESSION, watchedSessions } from './http2-session.js';

type TlsMaterial = readonly [string | undefined, string | undefined, string | undefined];

/** The sockets that were made with one TLS material: CA, client certificate, client key. */
interface Sockets {
  readonly material: TlsMaterial;
  readonly agent: Agent;
}

export interface ClusterAgentsOptions {
  readonly access: ClusterAccess;
  readonly egress: EgressPolicy;
  readonly fileRules: CredentialFileRules;
  readonly clock: Clock;
  readonly connectTimeoutMs: number;
  /** Milliseconds between two pings of a shared connection; one that is not answered by the next ends it. */
  readonly pingMs: number;
  /** Sees every socket that is opened. */
  readonly observer: ConnectObserver | undefined;
}

const KEEP_ALIVE_MS = 30_000;

/**
 * The cached sockets of one connection: over HTTP/2, when the server offers it, all requests, watches and logs share one
 * or few; else each has its own. Modes: one current agent; after a change of the TLS files the old one is retired: it takes
 * no new request and closes when its last stream has ended. `close` ends all at once.
 */
export class ClusterAgents {
  readonly #options: ClusterAgentsOptions;
  readonly #readers: readonly CredentialReader[];
  /** Those that are open, of retired agents too: an agent that was told to close destroys nothing any more. */
  readonly #sockets = new Set<Socket>();
  #current: Sockets | undefined;
  #closed = false;

  constructor(options: ClusterAgentsOptions) {
    this.#options = options;
    const { access, fileRules, clock } = options;
    const texts = [
      access.ca,
      ...(access.identity.kind === 'client-cert' ? [access.identity.certificate, access.identity.key] : []),
    ];
    this.#readers = texts
      .filter((text) => text !== undefined)
      .map((text) => new CredentialReader(text, fileRules, clock));
  }

  /** For a new request; the TLS material is read again when its files have changed. */
  async current(): Promise<Agent> {
    const material = await this.#material();
    if (this.#closed) throw closedError();
    const current = this.#current;
    if (current?.material.every((text, index) => text === material[index]) === true) return current.agent;
    // Material that is no good throws here, and the current one stays for when its own is there again.
    const agent = this.#make(material);
    void current?.agent.close().catch(() => undefined);
    this.#current = { material, agent };
    return agent;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const current = this.#current;
    this.#current = undefined;
    await current?.agent.destroy();
    for (const socket of this.#sockets) socket.destroy(closedError());
  }

  /** CA, client certificate, client key; undefined where there is none. */
  async #material(): Promise<TlsMaterial> {
    const texts = await Promise.all(this.#readers.map((reader) => reader.read()));
    const hasCa = this.#options.access.ca !== undefined;
    return hasCa ? [texts[0], texts[1], texts[2]] : [undefined, texts[0], texts[1]];
  }

  #make([ca, cert, key]: TlsMaterial): Agent {
    // One for all sockets: else each makes its own, which takes longer than the rest of its handshake.
    const secureContext = createSecureContext({ ca, cert, key });
    return new Agent({
      ...HTTP2_SESSION,
      connect: watchedSessions(this.#remembered(this.#connector(secureContext)), this.#options.pingMs),
      allowH2: SPEAKS_HTTP2,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // Limits of time are set per request; `bodyTimeout` would end quiet watches and logs.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  /** HTTP/2 is offered before HTTP/1.1 in the handshake (ALPN), and the server takes what it can. */
  #connector(secureContext: SecureContext): buildConnector.connector {
    const { access, egress, connectTimeoutMs, observer } = this.#options;
    const options = {
      secureContext,
      ...(access.tlsServerName === undefined ? {} : { servername: access.tlsServerName }),
      allowH2: SPEAKS_HTTP2,
      preferH2: SPEAKS_HTTP2,
      timeout: connectTimeoutMs,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    };
    const unseen =
      access.proxy === undefined
        ? egressConnector(egress, 'cluster', options)
        : proxyConnector(egress, access.proxy, options);
    return observer === undefined ? unseen : observer.observe(unseen);
  }

  #remembered(connect: buildConnector.connector): buildConnector.connector {
    return (target, callback) => {
      connect(target, (...result) => {
        const [error, socket] = result;
        if (error === null) {
          this.#sockets.add(socket);
          socket.once('close', () => this.#sockets.delete(socket));
        }
        callback(...result);
      });
    };
  }
}

function closedError(): Error {
  return Object.assign(new Error('the connection is closed'), { code: 'UND_ERR_CLOSED' });
}
