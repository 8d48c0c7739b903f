/** What to do to a request instead of (or after) answering it. */
export type FakeFault =
  /** Answer a Status. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly reason?: string;
      readonly message?: string;
      readonly retryAfterSeconds?: number;
      readonly details?: Readonly<Record<string, unknown>>;
    }
  /** Answer this instead, to anybody. */
  | {
      readonly kind: 'answer';
      readonly status?: number;
      readonly body: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** Break off (close the connection, over HTTP/2 reset the stream) before doing anything, or after doing it. */
  | { readonly kind: 'drop' | 'commitThenDrop' }
  /** Never answer, before doing anything or after doing it. */
  | { readonly kind: 'hang' | 'commitThenHang' }
  | { readonly kind: 'delay'; readonly ms: number }
  /** Answer what is no JSON. */
  | { readonly kind: 'garbage' }
  /** Watches: an ERROR event in a 200 stream, after so many events. */
  | { readonly kind: 'errorEvent'; readonly code: number; readonly reason: string; readonly afterEvents?: number }
  /** Watches: broken off in the middle of the JSON (or of a multi-byte character) of the event after these. */
  | { readonly kind: 'cutJson' | 'cutUtf8'; readonly afterEvents?: number }
  /** Pod logs: broken off after so many bytes. */
  | { readonly kind: 'cutLog'; readonly afterBytes: number }
  /** Pod logs: the head of the answer comes and nothing more, and it stays open. */
  | { readonly kind: 'stallLog' }
  /** Watches: the stream stays open and nothing comes, after so many events. */
  | { readonly kind: 'silence'; readonly afterEvents?: number }
  /** Watches: every event comes twice, or each pair of events in the wrong order, after so many events. */
  | { readonly kind: 'repeat' | 'reorder'; readonly afterEvents?: number }
  /** Writes: an admission webhook does not answer in time. Nothing is committed. */
  | { readonly kind: 'webhookTimeout'; readonly webhook?: string }
  /** Watches: the server ends the stream properly after so many events. */
  | { readonly kind: 'end'; readonly afterEvents?: number };

export interface FaultMatch {
  readonly method?: string;
  /** Matched against the path without the query. */
  readonly path?: string | RegExp;
  readonly watch?: boolean;
  readonly list?: boolean;
  /** Creates that are not to be stored; a match by a writing method leaves them out unless it says true. */
  readonly dryRun?: boolean;
}

export interface SeenKubeRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly watch: boolean;
  readonly contentType: string;
  readonly accept: string;
  readonly token: string | undefined;
  readonly user: string | undefined;
  readonly bodyText: string;
  /** `1.1` or `2.0`. */
  readonly httpVersion: string;
}

interface Entry {
  readonly match: FaultMatch;
  readonly fault: FakeFault;
  left: number;
  met: number;
}

/** Faults of watches, which meet those that are opened from then on. */
export const FOR_WATCHES: readonly string[] = [
  'errorEvent',
  'cutJson',
  'cutUtf8',
  'silence',
  'repeat',
  'reorder',
  'end',
];

/** Faults that wait for the requests they fit; first in, first used, each so many times. */
export class FaultScript {
  readonly #entries: Entry[] = [];

  /** Returns what takes it back, which tells how many requests met it. */
  add(match: FaultMatch, fault: FakeFault, times: number): () => number {
    const watch = FOR_WATCHES.includes(fault.kind) ? { ...match, watch: true } : match;
    const entry = { match: watch, fault, left: times, met: 0 };
    this.#entries.push(entry);
    return () => {
      entry.left = 0;
      return entry.met;
    };
  }

  take(request: SeenKubeRequest): FakeFault | undefined {
    const entry = this.#entries.find((one) => one.left > 0 && fits(one.match, request));
    if (entry === undefined) return undefined;
    entry.left -= 1;
    entry.met += 1;
    return entry.fault;
  }

  clear(): void {
    this.#entries.length = 0;
  }
}

function fits(match: FaultMatch, request: SeenKubeRequest): boolean {
  if (match.method !== undefined && match.method !== request.method) return false;
  if (match.watch !== undefined && match.watch !== request.watch) return false;
  const writes = match.method !== undefined && match.method !== 'GET';
  if ((match.dryRun ?? (writes ? false : undefined)) === !request.query.has('dryRun')) return false;
  if (match.list === true && (request.watch || request.method !== 'GET')) return false;
  if (match.path === undefined) return true;
  return typeof match.path === 'string' ? request.path === match.path : match.path.test(request.path);
}
