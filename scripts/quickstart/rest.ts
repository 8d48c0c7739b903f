import { Failure } from '../start/failure.ts';

type Json = Readonly<Record<string, unknown>>;

interface Problem {
  readonly title?: string;
  readonly detail?: string;
  readonly code?: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

/** One message with every wrong field of a refusal. */
function describe(method: string, path: string, status: number, problem: Problem): string {
  const fields = (problem.errors ?? []).map((error) => `\n  ${error.path}: ${error.message}`).join('');
  return `${method} ${path}: ${status} ${problem.code ?? ''} ${problem.detail ?? problem.title ?? ''}${fields}`;
}

/** A refusal by the API, with its machine-readable reason. */
export class Refused extends Failure {
  readonly status: number;
  readonly code: string | undefined;

  constructor(method: string, path: string, status: number, problem: Problem) {
    super(describe(method, path, status, problem), 'The message says what to change.');
    this.status = status;
    this.code = problem.code;
  }
}

/** The REST API as the bootstrap administrator, for one tenant or for none. */
export class Rest {
  readonly #apiUrl: string;
  readonly #key: string;
  readonly #tenantId: string | undefined;

  constructor(apiUrl: string, key: string, tenantId?: string) {
    this.#apiUrl = apiUrl;
    this.#key = key;
    this.#tenantId = tenantId;
  }

  forTenant(tenantId: string): Rest {
    return new Rest(this.#apiUrl, this.#key, tenantId);
  }

  url(path: string): string {
    return `${this.#apiUrl}/api/v1${path}`;
  }

  headers(): Record<string, string> {
    return {
      authorization: `Bearer ${this.#key}`,
      ...(this.#tenantId === undefined ? {} : { 'x-tenant-id': this.#tenantId }),
    };
  }

  /** @throws Refused for anything but a 2xx */
  async send<T>(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: Json): Promise<T> {
    const answer = await fetch(this.url(path), {
      method,
      headers: { ...this.headers(), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    const isJson = (answer.headers.get('content-type') ?? '').includes('json');
    if (!answer.ok)
      throw new Refused(
        method,
        path,
        answer.status,
        isJson ? (JSON.parse(text) as Problem) : { detail: text.slice(0, 300) },
      );
    return (isJson && text !== '' ? JSON.parse(text) : undefined) as T;
  }

  /** The first object of a list for which `matches` is true. */
  async find<T>(path: string, matches: (item: T) => boolean): Promise<T | undefined> {
    for (let cursor = ''; ;) {
      const page = await this.send<{ items: T[]; next_cursor: string | null }>('GET', `${path}?limit=100${cursor}`);
      const found = page.items.find(matches);
      if (found !== undefined || !page.next_cursor) return found;
      cursor = `&cursor=${encodeURIComponent(page.next_cursor)}`;
    }
  }
}
