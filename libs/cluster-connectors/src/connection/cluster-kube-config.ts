import {
  type ApiConstructor,
  type ApiType,
  createConfiguration,
  type HttpLibrary,
  KubeConfig,
  Observable,
  type RequestContext,
  ResponseContext,
  ServerConfiguration,
} from '@kubernetes/client-node';
import type { ClusterTransport } from './cluster-transport.js';
import type { KubeMethod } from './kube-request.js';

/**
 * The typed clients' configuration, over our transport: the stock one opens a TLS connection per request, caches
 * credentials by user name and runs what a kubeconfig tells it to (github.com/kubernetes-client/javascript #592, #2306).
 * It holds no cluster, no user and no credential; errors of its clients are DomainErrors.
 */
export class ClusterKubeConfig extends KubeConfig {
  readonly #transport: ClusterTransport;
  readonly #server: string;

  constructor(server: string, transport: ClusterTransport) {
    super();
    this.#server = server;
    this.#transport = transport;
  }

  override makeApiClient<T extends ApiType>(apiClientType: ApiConstructor<T>): T {
    return new apiClientType(
      createConfiguration({
        baseServer: new ServerConfiguration(this.#server, {}),
        httpApi: new TransportHttpLibrary(this.#transport, this.#server),
      }),
    );
  }

  /** The transport authenticates; the library's own authenticators are never called. */
  override applySecurityAuthentication(): Promise<void> {
    return Promise.resolve();
  }
}

class TransportHttpLibrary implements HttpLibrary {
  constructor(
    private readonly transport: ClusterTransport,
    private readonly server: string,
  ) {}

  send(context: RequestContext): Observable<ResponseContext> {
    return new Observable(this.exchange(context));
  }

  private async exchange(context: RequestContext): Promise<ResponseContext> {
    const headers = new Map(Object.entries(context.getHeaders()).map(([name, value]) => [name.toLowerCase(), value]));
    const url = new URL(context.getUrl());
    const prefix = new URL(this.server).pathname.replace(/\/+$/, '');
    const query: Record<string, string[]> = {};
    for (const [name, value] of url.searchParams) (query[name] ??= []).push(value);
    const body = context.getBody();
    const contentType = headers.get('content-type');
    const signal = context.getSignal();
    const response = await this.transport.exchange({
      method: context.getHttpMethod() as KubeMethod,
      requestClass: 'status',
      path: url.pathname.slice(prefix.length),
      query,
      ...(body === undefined ? {} : { body: String(body) }),
      ...(contentType === undefined ? {} : { contentType }),
      ...(signal === undefined ? {} : { signal }),
    });
    const bytes = Buffer.from(response.text, 'utf8');
    const flat = Object.fromEntries(
      Object.entries(response.headers).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(', ') : (value ?? ''),
      ]),
    );
    return new ResponseContext(response.status, flat, {
      text: () => Promise.resolve(response.text),
      binary: () => Promise.resolve(bytes),
      stream: () => null,
    });
  }
}
