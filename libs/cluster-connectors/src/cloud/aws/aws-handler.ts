import type { CloudHttp } from '../cloud-http.js';

/** What the AWS SDK hands over: a request that is signed. */
export interface SignedRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** What the SDK asks of a request handler. */
interface AwsHandler {
  readonly metadata: { readonly handlerProtocol: string };
  handle(
    request: SignedRequest,
    options?: { readonly abortSignal?: unknown },
  ): Promise<{ response: { statusCode: number; headers: Record<string, string>; body: Uint8Array } }>;
  destroy(): void;
  updateHttpClientConfig(): void;
  httpHandlerConfigs(): Record<string, never>;
}

const REQUEST_TIMEOUT_MS = 10_000;
/** They are fetch's own to say. */
const OF_FETCH: readonly string[] = ['content-length', 'connection', 'transfer-encoding', 'expect'];

/** The HTTP of the AWS SDK's clients, chains included: the same sockets, redirects and bounds as every other cloud's. */
export function awsHandler(http: CloudHttp): AwsHandler {
  return {
    metadata: { handlerProtocol: 'http/1.1' },
    async handle(request, options = {}) {
      const signals = [options.abortSignal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)];
      const headers = Object.entries(request.headers).filter(([name]) => !OF_FETCH.includes(name.toLowerCase()));
      const withBody = request.body !== undefined && request.method !== 'GET' && request.method !== 'HEAD';
      const answer = await http.fetch('api')(urlOf(request), {
        method: request.method,
        headers,
        ...(withBody ? { body: request.body as string } : {}),
        signal: AbortSignal.any(signals.filter((signal) => signal instanceof AbortSignal)),
      });
      const body = new Uint8Array(await answer.arrayBuffer());
      return { response: { statusCode: answer.status, headers: Object.fromEntries(answer.headers), body } };
    },
    destroy(): void {
      // The sockets are everybody's.
    },
    updateHttpClientConfig(): void {
      // Nothing of it is the SDK's to change.
    },
    httpHandlerConfigs: () => ({}),
  };
}

/** The URL of a signed request, escaped as the signature counts it (RFC 3986). */
export function urlOf({ protocol, hostname, port, path, query = {} }: SignedRequest): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one: string | null) =>
      one === null ? escape(name) : `${escape(name)}=${escape(one)}`,
    ),
  );
  const search = pairs.length === 0 ? '' : `?${pairs.join('&')}`;
  return `${protocol.replace(/:?$/, ':')}//${hostname}${port === undefined ? '' : `:${port}`}${path}${search}`;
}

function escape(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
