import { request } from 'undici';

export type Json = Readonly<Record<string, unknown>>;

export interface BuildView {
  readonly id: string;
  readonly status: string;
  readonly reason: string | null;
  readonly message: string | null;
  readonly attempt: number;
  readonly image: { readonly repository: string; readonly tags: readonly string[]; readonly digest: string } | null;
}

export interface RestAnswer<T> {
  readonly status: number;
  readonly body: T;
  readonly text: string;
}

const POLL_MS = 200;
const TERMINAL = ['completed', 'failed', 'cancelled'];

/** A user of the REST API: one key, and one tenant unless it is an administrator's. */
export class RestClient {
  readonly #baseUrl: string;
  readonly #key: string;
  readonly #tenantId: string | undefined;

  constructor(baseUrl: string, key: string, tenantId?: string) {
    this.#baseUrl = baseUrl;
    this.#key = key;
    this.#tenantId = tenantId;
  }

  forTenant(tenantId: string): RestClient {
    return new RestClient(this.#baseUrl, this.#key, tenantId);
  }

  headers(): Record<string, string> {
    return {
      authorization: `Bearer ${this.#key}`,
      ...(this.#tenantId === undefined ? {} : { 'x-tenant-id': this.#tenantId }),
    };
  }

  url(path: string): string {
    return `${this.#baseUrl}/api/v1${path}`;
  }

  async send<T = Json>(
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
    accept?: string,
  ): Promise<RestAnswer<T>> {
    const answer = await request(this.url(path), {
      method,
      headers: {
        ...this.headers(),
        ...(accept === undefined ? {} : { accept }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.body.text();
    const json =
      /json/.test(String(answer.headers['content-type'])) && !/ndjson/.test(String(answer.headers['content-type']));
    return { status: answer.statusCode, body: (json && text !== '' ? JSON.parse(text) : {}) as T, text };
  }

  /** Like `send`, and throws unless the answer is a 2xx. */
  async ok<T = Json>(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<T> {
    const answer = await this.send<T>(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.body;
  }

  async submit(build: Json): Promise<BuildView> {
    return this.ok<BuildView>('POST', '/builds', build);
  }

  async build(id: string): Promise<BuildView> {
    return this.ok<BuildView>('GET', `/builds/${id}`);
  }

  /** The log of a build as text: every byte, or the filtered part of it. */
  async log(id: string, query = ''): Promise<string> {
    const answer = await this.send('GET', `/builds/${id}/logs${query}`, undefined, 'text/plain');
    if (answer.status !== 200) throw new Error(`log of ${id}: ${answer.status} ${answer.text}`);
    return answer.text;
  }

  /** Waits until the build has ended, and returns it. */
  async ended(id: string, withinMs = 180_000, everyMs = POLL_MS): Promise<BuildView> {
    const look = async (): Promise<BuildView | undefined> => {
      const build = await this.build(id);
      return TERMINAL.includes(build.status) ? build : undefined;
    };
    return until(`build ${id} to end`, withinMs, look, everyMs);
  }
}

/** Polls until `look` finds something; fails with what it waited for. */
export async function until<T>(
  what: string,
  withinMs: number,
  look: () => Promise<T | undefined>,
  everyMs = POLL_MS,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  let last: unknown;
  while (performance.now() < deadline) {
    const found = await look().catch((error: unknown) => {
      last = error;
      return undefined;
    });
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  throw new Error(`Waited ${withinMs} ms for ${what}${last === undefined ? '' : `; last error: ${String(last)}`}`);
}
