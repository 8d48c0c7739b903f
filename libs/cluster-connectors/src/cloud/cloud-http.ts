import { egressConnector, type EgressPolicy } from '@image-factory/egress';
import { Agent, type Dispatcher, fetch as undiciFetch, Headers as RequestHeaders, type RequestInit } from 'undici';
import { cloudError } from './cloud-error.js';

/** Where instance metadata is served: spoken to for the identity of our own process only, never for a config's sake. */
const METADATA_HOSTS: readonly string[] = ['169.254.169.254', '[fd00:ec2::254]', 'metadata.google.internal'];
const CONNECT_TIMEOUT_MS = 5_000;
/** A page of a thousand clusters is a tenth of it. */
const MOST_BYTES = 16 * 1024 * 1024;

/**
 * On whose word an address is asked. `api`: a cloud's API, judged by the egress rules. `identity`: as `api`, but what asks
 * is the identity of our own process, which may ask the metadata server. `host`: the identity endpoint of this host,
 * which the operator's environment or a library names and no config can change.
 */
export type CloudRoute = 'api' | 'identity' | 'host';

export interface CloudJson {
  readonly status: number;
  readonly body: unknown;
  readonly retryAfter: string | null;
}

/**
 * HTTP to the clouds' own APIs, behind the egress rules: every socket's address is judged as a cluster's is (public and
 * private ones pass, for private links; link-local and loopback ones do not). Every answer is read whole, up to 16 MiB.
 *
 * `redirects`: an API's origin → where the operator says it is reached (private service connect).
 */
export class CloudHttp {
  readonly #egress: EgressPolicy;
  readonly #redirects: Readonly<Record<string, string>>;
  #policed: Agent | undefined;
  #direct: Agent | undefined;

  constructor(egress: EgressPolicy, redirects: Readonly<Record<string, string>> = {}) {
    this.#egress = egress;
    this.#redirects = redirects;
  }

  /** The URL as it is asked for, after redirects. */
  url(text: string): string {
    const { origin } = new URL(text);
    const other = Object.hasOwn(this.#redirects, origin) ? this.#redirects[origin] : undefined;
    return other === undefined ? text : other + text.slice(origin.length);
  }

  /** `fetch` for a library: it follows no redirect, and its answer is bounded. */
  fetch(route: CloudRoute): typeof globalThis.fetch {
    return async (input: unknown, init: unknown): Promise<Response> => {
      const url = this.url(input instanceof Request ? input.url : String(input));
      const dispatcher = namedBy(this.#agentFor(route, url), init as RequestInit | undefined);
      const sent = undiciFetch(url, { ...(init as RequestInit), redirect: 'error', dispatcher });
      const answer = await sent.catch((error: unknown) => {
        // Libraries judge by a system error's code whether to try again; fetch wraps it.
        throw error instanceof TypeError && error.cause instanceof Error ? error.cause : error;
      });
      const bytes = await readBounded(answer.body, url);
      const headers = new Headers([...answer.headers]);
      headers.delete('content-encoding');
      headers.delete('content-length');
      const { status, statusText } = answer;
      return new Response(bytes.length === 0 ? null : bytes, { status, statusText, headers });
    };
  }

  /** One request with a bearer token, for an answer in JSON. @throws what fetch throws */
  async json(
    method: 'GET' | 'POST',
    url: string,
    token: string,
    signal: AbortSignal,
    body?: unknown,
  ): Promise<CloudJson> {
    const response = await this.fetch('api')(url, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal,
    });
    const text = await response.text();
    return { status: response.status, body: parse(text), retryAfter: response.headers.get('retry-after') };
  }

  #agentFor(route: CloudRoute, url: string): Agent {
    const direct = route === 'host' || (route === 'identity' && METADATA_HOSTS.includes(new URL(url).hostname));
    return direct ? this.#directAgent() : this.#policedAgent();
  }

  #policedAgent(): Agent {
    this.#policed ??= new Agent({
      connect: egressConnector(this.#egress, 'cluster', { timeout: CONNECT_TIMEOUT_MS }),
      headersTimeout: 30_000,
      bodyTimeout: 30_000,
    });
    return this.#policed;
  }

  #directAgent(): Agent {
    this.#direct ??= new Agent({
      connect: { timeout: CONNECT_TIMEOUT_MS },
      headersTimeout: 10_000,
      bodyTimeout: 10_000,
    });
    return this.#direct;
  }
}

/** Where a request says for which host it was signed, that is said, wherever it is sent; fetch itself drops it. */
function namedBy(agent: Agent, init: RequestInit | undefined): Dispatcher {
  const host = new RequestHeaders(init?.headers).get('host');
  if (host === null) return agent;
  return agent.compose((dispatch) => (options, handler) => {
    const headers = { ...(options.headers as Record<string, string>), host };
    return dispatch({ ...options, headers }, handler);
  });
}

/** The bytes as they are after decompression: neither a length that is not said nor a small body that grows gets past. */
async function readBounded(body: AsyncIterable<Uint8Array> | null, url: string): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > MOST_BYTES) {
      throw cloudError('CloudUnavailable', `${new URL(url).host} answered with more than 16 MiB, which is not read.`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
