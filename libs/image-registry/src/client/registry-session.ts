import type { Secret } from '@image-factory/domain';
import { parseChallenges } from '../auth/challenge.js';
import { findCredential } from '../auth/docker-config.js';
import { authorize } from '../auth/registry-authorizer.js';
import { refused, type RegistryAsk } from '../errors/registry-error.js';
import type { RegistryTransport, TransportAnswer } from '../http/registry-transport.js';
import { canonicalRegistryHost, type RepositoryReference } from '../reference/repository-reference.js';

const MAX_REDIRECTS = 5;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

export interface SessionOptions {
  readonly reference: RepositoryReference;
  readonly actions: 'pull' | 'pull,push';
  readonly dockerConfigJson: Secret | undefined;
  /** `host[:port]`s that are spoken to over plain HTTP. */
  readonly insecureRegistries: readonly string[];
  readonly maxBytes: number;
  readonly signal: AbortSignal | undefined;
}

export interface SessionRequest {
  readonly method: 'GET' | 'PUT';
  /** Below `/v2/<repository>/`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** For messages, as in `read latest`. */
  readonly what: string;
}

/**
 * The requests of one operation on one repository. The Authorization that the registry's challenge led to is kept for
 * the operation and dies with it, so that no two tenants ever share one.
 *
 * It is sent to the registry's own origin only: a redirect elsewhere goes without it, and a challenge from elsewhere is
 * not answered. A redirect of a PUT must stay on its origin.
 */
export class RegistrySession {
  readonly #transport: RegistryTransport;
  readonly #options: SessionOptions;
  readonly #origin: string;
  #authorization: Secret | undefined;

  constructor(transport: RegistryTransport, options: SessionOptions) {
    this.#transport = transport;
    this.#options = options;
    const { registry, apiHost } = options.reference;
    const insecure = this.#isInsecure(registry) || this.#isInsecure(apiHost);
    this.#origin = new URL(`${insecure ? 'http' : 'https'}://${apiHost}`).origin;
  }

  /** The answer after challenge and redirects, whatever its status. A 401 that remains is the caller's to translate. */
  async send(wanted: SessionRequest): Promise<TransportAnswer> {
    const answer = await this.#follow(wanted);
    if (answer.status !== 401) return answer;
    const ask = this.ask(wanted.what);
    this.#authorization = await authorize(this.#transport, {
      challenges: parseChallenges(answer.headers['www-authenticate']),
      credential: findCredential(
        this.#options.dockerConfigJson,
        this.#options.reference.registry,
        this.#options.reference.path,
      ),
      scope: `repository:${this.#options.reference.path}:${this.#options.actions}`,
      ask,
      mayUseHttp: (host) => this.#isInsecure(host),
      signal: this.#options.signal,
    });
    return await this.#follow(wanted);
  }

  ask(what: string): RegistryAsk {
    return { what: `${what} of ${this.#options.reference.path}`, host: this.#options.reference.registry };
  }

  async #follow(wanted: SessionRequest): Promise<TransportAnswer> {
    let url = new URL(`${this.#origin}/v2/${this.#options.reference.path}/${wanted.path}`);
    for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
      const home = url.origin === this.#origin;
      const answer = await this.#transport.send({
        method: wanted.method,
        url,
        headers: {
          ...wanted.headers,
          ...(home && this.#authorization !== undefined ? { authorization: this.#authorization.reveal() } : {}),
        },
        ...(wanted.body === undefined ? {} : { body: wanted.body }),
        ask: { ...this.ask(wanted.what), host: url.host },
        maxBytes: this.#options.maxBytes,
        signal: this.#options.signal,
      });
      if (answer.status === 401 && !home)
        throw refused(this.ask(wanted.what), `it redirects to ${url.host}, which asks for credentials`);
      if (!REDIRECTS.includes(answer.status)) return answer;
      url = this.#redirectTarget(url, answer, wanted);
    }
    throw refused(this.ask(wanted.what), `more than ${MAX_REDIRECTS} redirects`);
  }

  #redirectTarget(from: URL, answer: TransportAnswer, wanted: SessionRequest): URL {
    const ask = this.ask(wanted.what);
    const location = answer.headers['location'];
    let target: URL;
    try {
      target = new URL(typeof location === 'string' ? location : '', from);
    } catch {
      throw refused(ask, 'a redirect without a usable Location');
    }
    const mayUseHttp = target.protocol === 'http:' && this.#isInsecure(target.host);
    if (target.protocol !== 'https:' && !mayUseHttp)
      throw refused(ask, `a redirect to ${target.host} that is not https`);
    if (target.username !== '' || target.password !== '') throw refused(ask, 'a redirect that carries credentials');
    if (wanted.method === 'PUT' && (target.origin !== this.#origin || ![307, 308].includes(answer.status))) {
      throw refused(ask, `a redirect of an upload to ${target.host}`);
    }
    return target;
  }

  #isInsecure(host: string): boolean {
    const wanted = canonicalRegistryHost(host);
    return this.#options.insecureRegistries.some((listed) => canonicalRegistryHost(listed) === wanted);
  }
}
