import { type EgressAgents, egressAgents, egressConnector, type EgressPolicy } from '@image-factory/egress';
import { Agent, fetch as undiciFetch, type RequestInit } from 'undici';

/** Where instance metadata is served: spoken to for the identity of our own process only, never for a config's sake. */
const METADATA_HOSTS: readonly string[] = ['169.254.169.254', '[fd00:ec2::254]', 'metadata.google.internal'];
const CONNECT_TIMEOUT_MS = 5_000;

export interface CloudJson {
  readonly status: number;
  readonly body: unknown;
  readonly retryAfter: string | null;
}

/**
 * HTTP to the clouds' own APIs, behind the egress rules: every socket's address is judged as a cluster's is (public and
 * private ones pass, for private links; link-local and loopback ones do not). Credential chains ask the metadata server
 * of the host by themselves, at addresses that no config can change.
 *
 * `redirects`: an API's origin → where the operator says it is reached (private service connect, sovereign clouds).
 */
export class CloudHttp {
  readonly agents: EgressAgents;
  readonly #egress: EgressPolicy;
  readonly #redirects: Readonly<Record<string, string>>;
  #policed: Agent | undefined;
  #direct: Agent | undefined;

  constructor(egress: EgressPolicy, redirects: Readonly<Record<string, string>> = {}) {
    this.#egress = egress;
    this.#redirects = redirects;
    this.agents = egressAgents(egress, 'cluster');
  }

  /** The URL as it is asked for, after redirects. */
  url(text: string): string {
    const { origin } = new URL(text);
    const other = Object.hasOwn(this.#redirects, origin) ? this.#redirects[origin] : undefined;
    return other === undefined ? text : other + text.slice(origin.length);
  }

  /** `fetch` for a library. `ambient`: its identity is our process's own, so that it may ask the metadata server. */
  fetch(ambient: boolean): typeof globalThis.fetch {
    const ask = (input: unknown, init: unknown): Promise<unknown> => {
      const url = this.url(input instanceof Request ? input.url : String(input));
      const metadata = ambient && METADATA_HOSTS.includes(new URL(url).hostname);
      const dispatcher = metadata ? this.#directAgent() : this.#policedAgent();
      return undiciFetch(url, { ...(init as RequestInit), redirect: 'error', dispatcher });
    };
    return ask as typeof globalThis.fetch;
  }

  /** One request with a bearer token, for an answer in JSON. @throws what fetch throws */
  async json(
    method: 'GET' | 'POST',
    url: string,
    token: string,
    signal: AbortSignal,
    body?: unknown,
  ): Promise<CloudJson> {
    const response = await this.fetch(false)(url, {
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

  #policedAgent(): Agent {
    this.#policed ??= new Agent({
      connect: egressConnector(this.#egress, 'cluster', { timeout: CONNECT_TIMEOUT_MS }),
      headersTimeout: 30_000,
      bodyTimeout: 30_000,
    });
    return this.#policed;
  }

  #directAgent(): Agent {
    this.#direct ??= new Agent({ connect: { timeout: CONNECT_TIMEOUT_MS }, headersTimeout: 10_000 });
    return this.#direct;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
