import { createServer, request as forward, Agent, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FAKE_CA, FAKE_SERVER_CERTIFICATE, FAKE_SERVER_KEY } from '@image-factory/test-support';
import type { TestCluster } from './cluster.ts';

export interface CountedRequest {
  readonly method: string;
  readonly path: string;
}

/** Requests that the API server answers from the request alone: POST in form, but nothing is written. */
const REVIEW = /^\/apis\/(authentication|authorization)\.k8s\.io\/|[?&]dryRun=All\b/;

/** Stands between the dispatcher and the API server, passes everything on, and counts what is not a read. */
export class CountingProxy {
  readonly writes: CountedRequest[] = [];
  readonly reviews: CountedRequest[] = [];
  readonly #server: Server;
  readonly #agent: Agent;
  readonly #target: string;

  private constructor(cluster: TestCluster) {
    this.#target = cluster.apiServerUrl;
    this.#agent = new Agent({ keepAlive: true, ca: Buffer.from(cluster.caData, 'base64') });
    const identity = { key: FAKE_SERVER_KEY, cert: FAKE_SERVER_CERTIFICATE };
    this.#server = createServer(identity, (message, response) => this.#pass(message, response));
  }

  static async start(cluster: TestCluster): Promise<CountingProxy> {
    const proxy = new CountingProxy(cluster);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** PEM of the CA to trust. */
  get ca(): string {
    return FAKE_CA;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    this.#agent.destroy();
  }

  #pass(message: IncomingMessage, response: ServerResponse): void {
    const { method = 'GET', url: path = '/' } = message;
    if (!['GET', 'HEAD'].includes(method)) (REVIEW.test(path) ? this.reviews : this.writes).push({ method, path });
    const upstream = forward(
      new URL(path, this.#target),
      { method, agent: this.#agent, headers: message.headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        response.flushHeaders();
        answer.pipe(response);
        answer.on('error', () => response.destroy());
      },
    );
    upstream.on('error', () => response.destroy());
    response.on('close', () => upstream.destroy());
    message.pipe(upstream);
  }
}

/** `POST secrets`: what a request writes, names left out. */
export function writeOf({ method, path }: CountedRequest): string {
  const [, resource = path] = /\/namespaces\/[^/]+\/([^/?]+)/.exec(path) ?? /\/([^/?]+)(?:\?|$)/.exec(path) ?? [];
  return `${method} ${resource}`;
}
