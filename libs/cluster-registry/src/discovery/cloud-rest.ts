import type { CloudAccess, RestAccess } from './cloud-access.js';
import { answerError, restError, tokenError } from './cloud-problem.js';

const TRIES = 4;
const REQUEST_MS = 20_000;
const LONGEST_WAIT_MS = 20_000;
const MAX_BYTES = 16 * 1024 * 1024;
const TRANSIENT: readonly number[] = [408, 429, 500, 502, 503, 504];

export type Json = Readonly<Record<string, unknown>>;

/** What is asked of a REST API. */
export interface RestRequest {
  readonly method: 'GET' | 'POST';
  /** Whole URL below the API's origin: a token is sent nowhere else. */
  readonly url: string;
  /** For messages. */
  readonly what: string;
}

/**
 * One answer in JSON. What the cloud refuses for load, or cannot answer now, is tried again after as long as it says.
 * @throws DomainError with a reason of clouds; what `fetch` throws
 */
export async function askCloud(
  rest: RestAccess,
  access: Pick<CloudAccess, 'fetch' | 'sleep'>,
  request: RestRequest,
  signal: AbortSignal,
): Promise<Json> {
  const { method, url, what } = request;
  if (new URL(url).origin !== new URL(rest.origin).origin) throw answerError(what, 'a page of another host');
  for (let tried = 1; ; tried += 1) {
    const token = await rest.token(signal).catch((error: unknown) => {
      throw tokenError(error, what);
    });
    const answer = await access.fetch(url, {
      method,
      headers: { authorization: `Bearer ${token}`, accept: 'application/json' },
      redirect: 'error',
      signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS)]),
    });
    if (answer.ok) return readJson(answer, what);
    const code = await readCode(answer);
    if (tried >= TRIES || !TRANSIENT.includes(answer.status)) throw restError(what, answer.status, code);
    await access.sleep(waitMs(answer.headers.get('retry-after'), tried), signal);
  }
}

function waitMs(retryAfter: string | null, tried: number): number {
  const seconds = Number(retryAfter ?? Number.NaN);
  const told = Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : 500 * 2 ** (tried - 1);
  return Math.min(told, LONGEST_WAIT_MS);
}

async function readJson(answer: Response, what: string): Promise<Json> {
  if (Number(answer.headers.get('content-length') ?? 0) > MAX_BYTES) throw answerError(what, 'more than 16 MiB');
  const text = await answer.text();
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Json;
  } catch {
    // said below
  }
  throw answerError(what, 'no JSON object');
}

/** `error.status` of Google, `error.code` of Azure. */
async function readCode(answer: Response): Promise<string | undefined> {
  const text = await answer.text().catch(() => '');
  try {
    const { error } = JSON.parse(text) as { error?: { status?: unknown; code?: unknown } };
    const code = error?.status ?? error?.code;
    return typeof code === 'string' ? code : undefined;
  } catch {
    return undefined;
  }
}

/** A text of an answer; undefined when it is none. */
export function textAt(object: unknown, ...path: readonly string[]): string | undefined {
  const value = valueAt(object, ...path);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A value of an answer; undefined when something on the way is not there. */
export function valueAt(object: unknown, ...path: readonly string[]): unknown {
  let current = object;
  for (const key of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, key)) return undefined;
    current = (current as Json)[key];
  }
  return current;
}

/** The objects of a list of an answer. */
export function listAt(object: unknown, key: string): Json[] {
  const value = valueAt(object, key);
  return Array.isArray(value)
    ? value.filter((item): item is Json => typeof item === 'object' && item !== null && !Array.isArray(item))
    : [];
}

/** Names and texts of an answer: tags, labels. */
export function textsAt(object: unknown, key: string): Record<string, string> {
  const value = valueAt(object, key);
  if (typeof value !== 'object' || value === null) return {};
  const pairs = Object.entries(value).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
  return Object.fromEntries(pairs.slice(0, 100));
}
