import { createSecureContext } from 'node:tls';
import type { Clock } from '@image-factory/domain';
import { egressConnector, type EgressPolicy } from '@image-factory/egress';
import { Agent } from 'undici';
import type { CredentialFileRules } from '../auth/credential-file.js';
import { CredentialReader } from '../auth/credential-reader.js';
import type { ClusterAccess } from './cluster-access.js';
import type { ConnectObserver } from './connect-observer.js';
import { proxyConnector } from './proxy-connector.js';

type TlsMaterial = readonly [string | undefined, string | undefined, string | undefined];

/** Sockets for requests that end soon, and sockets for watches and logs, which would otherwise use up a bounded pool. */
export interface AgentPair {
  /** CA, client certificate, client key, as it was made with. */
  readonly material: TlsMaterial;
  readonly request: Agent;
  readonly stream: Agent;
}

export interface ClusterAgentsOptions {
  readonly access: ClusterAccess;
  readonly egress: EgressPolicy;
  readonly fileRules: CredentialFileRules;
  readonly clock: Clock;
  /** Most connections for requests. */
  readonly maxConnections: number;
  readonly connectTimeoutMs: number;
  /** Sees every socket that is opened. */
  readonly observer: ConnectObserver | undefined;
}

const KEEP_ALIVE_MS = 30_000;
const MAX_RESPONSE_BYTES = 256 * 1024 * 1024;

/**
 * The cached sockets of one connection. Modes: one current pair; after a change of the TLS files the old pair is
 * retired: it takes no new request and closes when its last stream has ended. `close` ends both at once.
 */
export class ClusterAgents {
  readonly #options: ClusterAgentsOptions;
  readonly #readers: readonly CredentialReader[];
  readonly #retired = new Set<AgentPair>();
  #current: AgentPair | undefined;
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

  /** The pair for a new request; the TLS material is read again when its files have changed. */
  async pair(): Promise<AgentPair> {
    const material = await this.#material();
    if (this.#closed) throw closedError();
    const current = this.#current;
    if (current?.material.every((text, index) => text === material[index]) === true) return current;
    // Material that is no good throws here, and the current pair stays for when its own is there again.
    const made = this.#make(material);
    if (current !== undefined) this.#retire(current);
    this.#current = made;
    return made;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const pairs = [...this.#retired, ...(this.#current === undefined ? [] : [this.#current])];
    this.#current = undefined;
    this.#retired.clear();
    await Promise.all(pairs.flatMap((pair) => [pair.request.destroy(), pair.stream.destroy()]));
  }

  /** CA, client certificate, client key; undefined where there is none. */
  async #material(): Promise<TlsMaterial> {
    const texts = await Promise.all(this.#readers.map((reader) => reader.read()));
    const hasCa = this.#options.access.ca !== undefined;
    return hasCa ? [texts[0], texts[1], texts[2]] : [undefined, texts[0], texts[1]];
  }

  #make(material: TlsMaterial): AgentPair {
    const [ca, cert, key] = material;
    const { access, egress, connectTimeoutMs, maxConnections, observer } = this.#options;
    const options = {
      // One for all sockets: else each makes its own, which takes longer than the rest of its handshake.
      secureContext: createSecureContext({ ca, cert, key }),
      ...(access.tlsServerName === undefined ? {} : { servername: access.tlsServerName }),
      allowH2: false,
      timeout: connectTimeoutMs,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    };
    const unseen =
      access.proxy === undefined
        ? egressConnector(egress, 'cluster', options)
        : proxyConnector(egress, access.proxy, options);
    const connect = observer === undefined ? unseen : observer.observe(unseen);
    // Limits of time are set per request; `bodyTimeout` would end quiet watches and logs.
    const common = { connect, allowH2: false, keepAliveTimeout: KEEP_ALIVE_MS, headersTimeout: 0, bodyTimeout: 0 };
    return {
      material,
      request: new Agent({ ...common, connections: maxConnections, maxResponseSize: MAX_RESPONSE_BYTES }),
      stream: new Agent(common),
    };
  }

  #retire(pair: AgentPair): void {
    this.#retired.add(pair);
    void Promise.all([pair.request.close(), pair.stream.close()])
      .catch(() => undefined)
      .then(() => this.#retired.delete(pair));
  }
}

function closedError(): Error {
  return Object.assign(new Error('the connection is closed'), { code: 'UND_ERR_CLOSED' });
}
