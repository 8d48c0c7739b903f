import type { DomainError } from '@image-factory/domain';
import { wrappedDomainError } from '../cloud-error.js';

/** What Azure's pipeline (@azure/core-rest-pipeline) asks a client to send. */
interface PipelineRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Iterable<[string, string]>;
  readonly body?: unknown;
  readonly abortSignal?: AbortSignal;
}

/**
 * The last step of Azure's pipeline, over a `fetch` of ours: the library opens no socket of its own. `onRefused` is told
 * why the egress rules let a request not pass: the library keeps only that something went wrong.
 */
export function azureHttpClient(fetch: typeof globalThis.fetch, onRefused: (refusal: DomainError) => void): never {
  const sendRequest = async (request: PipelineRequest): Promise<unknown> => {
    const { url, method, headers, body, abortSignal } = request;
    const answer = await fetch(url, {
      method,
      headers: [...headers].filter(([name]) => name.toLowerCase() !== 'content-length'),
      ...(typeof body === 'string' ? { body } : {}),
      ...(abortSignal === undefined ? {} : { signal: abortSignal }),
    }).catch((error: unknown) => {
      const refusal = wrappedDomainError(error);
      if (refusal !== undefined) onRefused(refusal);
      throw error;
    });
    const found = new Map(answer.headers);
    const answered = {
      get: (name: string) => found.get(name.toLowerCase()),
      has: (name: string) => found.has(name.toLowerCase()),
      toJSON: () => Object.fromEntries(found),
      [Symbol.iterator]: () => found[Symbol.iterator](),
    };
    return { request, status: answer.status, headers: answered, bodyAsText: await answer.text() };
  };
  return { sendRequest } as never;
}
