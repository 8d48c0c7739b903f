import type { IncomingHttpHeaders } from 'node:http';
import type { RequestClass } from '../pressure/request-class.js';

/** Methods of the Kubernetes API. */
export type KubeMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD';

/** Patch content types. Custom resources take no strategic merge. */
export const PATCH_TYPES = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategicMerge: 'application/strategic-merge-patch+json',
  /** Server-side apply: needs `fieldManager` (and usually `force`) in the query. */
  apply: 'application/apply-patch+yaml',
} as const;

/** `Accept` of the Table form, falling back to objects on servers that do not know it. */
export const TABLE_ACCEPT = 'application/json;as=Table;g=meta.k8s.io;v=v1,application/json';

/** One request to an API server. */
export interface KubeRequest {
  readonly method: KubeMethod;
  /** What it is for: its share of what the cluster is asked. */
  readonly requestClass: RequestClass;
  /** Absolute path without query, as in `/api/v1/namespaces/x/pods`; segments must be encoded (`encodeURIComponent`). */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;
  /** A string is sent byte for byte; anything else as JSON. */
  readonly body?: unknown;
  /** Default `application/json`. */
  readonly contentType?: string;
  /** Default `application/json`. */
  readonly accept?: string;
  /**
   * Milliseconds for the whole answer (`request`, default 30 000) or until its head (`stream`, default 30 000). 0: no
   * limit. The wait for its turn counts.
   */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /**
   * Asked when a connection is about to take the request, and again at a repetition: what was allowed when the request
   * began to wait may not be any more (correctness rule 3). False: nothing is sent, Conflict LeaseLost.
   */
  readonly mayWrite?: () => boolean;
}

/** Answer of `request`: JSON parsed, or text when the server sent something else. */
export interface KubeResponse<T> {
  readonly status: number;
  readonly body: T;
  readonly headers: IncomingHttpHeaders;
}

/** The request's target as it goes on the wire. */
export function pathWithQuery(prefix: string, request: Pick<KubeRequest, 'path' | 'query'>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value === undefined) continue;
    if (Array.isArray(value)) value.forEach((one: string) => parameters.append(name, one));
    else parameters.append(name, String(value));
  }
  const query = parameters.toString();
  return `${prefix}${request.path}${query === '' ? '' : `?${query}`}`;
}
