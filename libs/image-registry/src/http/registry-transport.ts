import { egressConnector, type EgressPolicy } from '@image-factory/egress';
import { Agent, request } from 'undici';
import { refused, transportError, type RegistryAsk } from '../errors/registry-error.js';

/** One request of ours; headers never hold credentials for another host than `url`'s. */
export interface TransportRequest {
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  readonly ask: RegistryAsk;
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

export interface TransportAnswer {
  readonly status: number;
  /** Lower-case names; a header that came several times keeps all its values. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

export interface TransportOptions {
  readonly egress: EgressPolicy;
  /** Milliseconds for connect, headers, and each pause in the body. */
  readonly timeoutMs: number;
}

/**
 * One HTTP exchange without redirects or retries, whose body is read whole within a bound. Every socket is judged by the
 * egress policy when it is opened, and reaches exactly the addresses that were judged.
 */
export class RegistryTransport {
  readonly #agent: Agent;
  readonly #timeoutMs: number;

  constructor(options: TransportOptions) {
    this.#timeoutMs = options.timeoutMs;
    this.#agent = new Agent({
      connect: egressConnector(options.egress, 'registry', { timeout: options.timeoutMs }),
      headersTimeout: options.timeoutMs,
      bodyTimeout: options.timeoutMs,
      keepAliveTimeout: 4_000,
      maxHeaderSize: 32 * 1024,
    });
  }

  /** @throws DomainError Unavailable RegistryUnavailable, NotAllowed EgressForbidden, Conflict RegistryRefused */
  async send(outgoing: TransportRequest): Promise<TransportAnswer> {
    const deadline = AbortSignal.timeout(this.#timeoutMs * 4);
    const signal = outgoing.signal === undefined ? deadline : AbortSignal.any([deadline, outgoing.signal]);
    try {
      const answer = await request(outgoing.url, {
        method: outgoing.method,
        headers: { 'user-agent': 'image-factory', ...outgoing.headers },
        body: outgoing.body ?? null,
        dispatcher: this.#agent,
        signal,
      });
      const body = await readBounded(answer.body, outgoing);
      return { status: answer.statusCode, headers: answer.headers, body };
    } catch (error) {
      throw transportError(outgoing.ask, error, outgoing.signal);
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

async function readBounded(body: AsyncIterable<Uint8Array>, outgoing: TransportRequest): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > outgoing.maxBytes) {
      throw refused(outgoing.ask, `the answer is larger than ${outgoing.maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
