import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Server, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { ApiFailure, badRequest, forbidden, invalid, notFound, unauthorized, UnknownPath } from './api-status.js';
import { FAKE_CA, FAKE_CLIENT_CERTIFICATE, FAKE_CLIENT_KEY } from './certificates.js';
import { breakOff, finish, readBody, scripted, send, webhookTimedOut } from './fake-answer.js';
import { fakeListener } from './fake-listener.js';
import { FakeObjectStore } from './fake-object-store.js';
import { type FakeFault, type FaultMatch, FaultScript, type SeenKubeRequest } from './fault-script.js';
import { FakePodLogs } from './pod-logs.js';
import { type FakeTarget, targetOf } from './resource-table.js';
import { handleRest } from './rest-handler.js';
import { WatchAnswer } from './watch-answer.js';

export interface FakeKubeApiServerOptions {
  /** Default true: https with certificates of {@link FAKE_CA}; false: plain http. */
  readonly tls?: boolean;
  /** Default true: https offers HTTP/2 besides HTTP/1.1, as an API server does; false: HTTP/1.1 only. */
  readonly http2?: boolean;
  /** Streams that one HTTP/2 connection takes. Default 250, as an API server's. */
  readonly maxStreams?: number;
  /** Default true: tekton.dev/v1 is served. */
  readonly tekton?: boolean;
  /** Ready nodes to begin with. Default 1. */
  readonly nodes?: number;
  /** Namespaces to begin with, besides default and kube-system. */
  readonly namespaces?: readonly string[];
  /** A default StorageClass is there. Default true. */
  readonly storageClass?: boolean;
}

/** What is refused with 403, and answered "not allowed" by access reviews. */
export interface FakeDenial {
  readonly verb?: string;
  readonly resource?: string;
}

const VERBS: Readonly<Record<string, string>> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

/**
 * An API server over real HTTP/1.1 and HTTP/2, in process: generic REST storage, watches (objects and Tables, bookmarks, WatchList),
 * server-side apply as create-or-merge, pod logs, tokens and client certificates, and scriptable faults. Everything that
 * a test asserts on (requests, sockets, objects) is readable here.
 */
export class FakeKubeApiServer {
  readonly store = new FakeObjectStore();
  readonly logs = new FakePodLogs();
  readonly faults = new FaultScript();
  /** Every request that came in whole, oldest first. */
  readonly requests: SeenKubeRequest[] = [];
  /** Tokens that are accepted, and who they are. */
  readonly tokens = new Map<string, string>([['fake-token', 'fake-admin']]);
  readonly denials: FakeDenial[] = [];
  /** Tekton's printer columns are missing (an older CRD). */
  withoutColumns = false;
  /** `Accept: …as=Table` is ignored. */
  withoutTables = false;
  /** sendInitialEvents is refused (an older server). */
  withoutWatchList = false;
  tekton: boolean;
  /** Bytes per write of a watch; 0: each event in one. */
  chunkBytes = 0;
  /** Connections accepted so far. */
  connectionsAccepted = 0;
  readonly #sockets = new Set<Socket>();
  readonly #watches = new Set<WatchAnswer>();
  readonly #server: Server;
  readonly #tls: boolean;
  readonly #bookmarks: NodeJS.Timeout;
  #port = 0;
  #hanging = false;

  private constructor(options: FakeKubeApiServerOptions) {
    this.#tls = options.tls !== false;
    this.tekton = options.tekton !== false;
    const handle = (request: IncomingMessage, response: ServerResponse): void => {
      // A client that leaves in the middle of its body is no concern of the fake.
      this.#handle(request, response).catch(() => response.destroy());
    };
    this.#server = fakeListener({ ...options, tls: this.#tls }, handle);
    // Node's own listener is called here, so that a connection which hangs is never read from.
    const serve = this.#server.listeners('connection') as ((socket: Socket) => void)[];
    this.#server.removeAllListeners('connection');
    this.#server.on('connection', (socket: Socket) => {
      this.connectionsAccepted += 1;
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      if (!this.#hanging) for (const one of serve) one.call(this.#server, socket);
    });
    this.#bookmarks = setInterval(() => this.sendBookmarks(), 60_000);
    this.#bookmarks.unref();
    this.#seed(options);
  }

  static async start(options: FakeKubeApiServerOptions = {}): Promise<FakeKubeApiServer> {
    const server = new FakeKubeApiServer(options);
    await server.listen();
    return server;
  }

  get url(): string {
    return `${this.#tls ? 'https' : 'http'}://127.0.0.1:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  /** PEM of the CA to trust. */
  get ca(): string {
    return FAKE_CA;
  }

  get isListening(): boolean {
    return this.#server.listening;
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  get openWatches(): number {
    return this.#watches.size;
  }

  /** Provider config of auth method `token` that reaches this server. */
  providerConfig(token = 'fake-token'): Record<string, string> {
    return { auth_method: 'token', endpoint: this.url, token, ...(this.#tls ? { ca_cert: FAKE_CA } : {}) };
  }

  /** A kubeconfig that reaches this server, by token or (`certificate`) as fake-client-1. */
  kubeconfig(identity: 'token' | 'certificate' = 'token', token = 'fake-token'): string {
    const base64 = (text: string): string => Buffer.from(text).toString('base64');
    const user =
      identity === 'token'
        ? { token }
        : { 'client-certificate-data': base64(FAKE_CLIENT_CERTIFICATE), 'client-key-data': base64(FAKE_CLIENT_KEY) };
    const cluster = { server: this.url, ...(this.#tls ? { 'certificate-authority-data': base64(FAKE_CA) } : {}) };
    return JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'fake',
      clusters: [{ name: 'fake', cluster }],
      users: [{ name: 'fake', user }],
      contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'fake' } }],
    });
  }

  /** The next `times` fitting requests meet this fault. Returns what takes it back, which tells how many have met it. */
  fault(match: FaultMatch, fault: FakeFault, times = 1): () => number {
    return this.faults.add(match, fault, times);
  }

  /** Requests that fit, for counting. */
  seen(match: FaultMatch): SeenKubeRequest[] {
    return this.requests.filter(
      (request) =>
        (match.method === undefined || match.method === request.method) &&
        (match.watch === undefined || match.watch === request.watch) &&
        (match.list !== true || (!request.watch && request.method === 'GET')) &&
        (match.path === undefined ||
          (typeof match.path === 'string' ? match.path === request.path : match.path.test(request.path))),
    );
  }

  sendBookmarks(): void {
    for (const watch of [...this.#watches]) watch.bookmark();
  }

  /** Ends every open watch properly, as a server does at its time limit. */
  endWatches(): void {
    for (const watch of [...this.#watches]) watch.end();
  }

  /** Resets every connection now. */
  dropConnections(): void {
    for (const socket of [...this.#sockets]) socket.destroy();
  }

  /** The token is not accepted any more, on connections that are open neither. */
  expireToken(token: string): void {
    this.tokens.delete(token);
  }

  /** New connections are taken and never served, as by a host that is half down. */
  hangConnections(hanging: boolean): void {
    this.#hanging = hanging;
  }

  /** Stops to listen (connections are refused), keeping all objects. */
  async stopListening(): Promise<void> {
    this.dropConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** Listens, on the port it had before when it had one. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, '127.0.0.1', () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    clearInterval(this.#bookmarks);
    this.endWatches();
    await this.stopListening();
  }

  #seed(options: FakeKubeApiServerOptions): void {
    for (const name of ['default', 'kube-system', ...(options.namespaces ?? [])]) {
      this.store.create('namespaces', { metadata: { name } });
    }
    for (let index = 0; index < (options.nodes ?? 1); index += 1) {
      const status = { conditions: [{ type: 'Ready', status: 'True' }] };
      this.store.create('nodes', { metadata: { name: `node-${index}` }, spec: {}, status });
    }
    if (options.storageClass !== false) {
      const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
      this.store.create('storageclasses', { metadata: { name: 'standard', annotations }, provisioner: 'fake' });
    }
  }

  async #handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const bodyText = await readBody(message);
    const request = this.#seen(message, bodyText);
    this.requests.push(request);
    const fault = this.faults.take(request);
    if (fault?.kind === 'delay') await new Promise((resolve) => setTimeout(resolve, fault.ms));
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'answer') return send(response, fault.status ?? 200, fault.body, fault.headers ?? {});
    if (fault?.kind === 'drop') {
      breakOff(response);
      return;
    }
    try {
      if (fault?.kind === 'status') throw scripted(fault);
      if (fault?.kind === 'webhookTimeout') throw webhookTimedOut(fault);
      this.#answer(request, response, fault);
    } catch (error) {
      if (error instanceof UnknownPath) {
        response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('404 page not found\n');
        return;
      }
      const failure = error instanceof ApiFailure ? error : new ApiFailure(500, 'InternalError', String(error));
      send(response, failure.status, failure.body(), failure.headers);
    }
  }

  #answer(request: SeenKubeRequest, response: ServerResponse, fault: FakeFault | undefined): void {
    if (request.user === undefined) throw unauthorized();
    const special = this.#special(request);
    if (special !== undefined) {
      finish(request, response, fault, 200, special);
      return;
    }
    const target = targetOf(request.path);
    if (target === undefined || (target.resource.group === 'tekton.dev' && !this.tekton)) throw new UnknownPath();
    this.#authorize(request, target);
    if (target.resource.resource === 'pods' && target.subresource === 'log') {
      this.#serveLog(target, request, response, fault);
      return;
    }
    const table = request.accept.includes('as=Table') && !this.withoutTables;
    if (request.watch) {
      this.#serveWatch(target, request, response, table, fault);
      return;
    }
    const answer = handleRest(this.store, target, request, table, this.withoutColumns && target.resource.group !== '');
    const { namespace = '', name = '' } = target;
    const deletes = request.method === 'DELETE' && target.resource.resource === 'pods';
    if (deletes && this.store.find('pods', namespace, name) === undefined) this.logs.endPod(namespace, name);
    finish(request, response, fault, answer.status, answer.body);
  }

  #serveWatch(
    target: FakeTarget,
    request: SeenKubeRequest,
    response: ServerResponse,
    table: boolean,
    fault: FakeFault | undefined,
  ): void {
    const initial = request.query.get('sendInitialEvents') === 'true';
    if (initial && (this.withoutWatchList || request.query.get('resourceVersionMatch') !== 'NotOlderThan')) {
      throw invalid(
        'sendInitialEvents: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
      );
    }
    const options = {
      target,
      query: request.query,
      table,
      withoutColumns: this.withoutColumns && target.resource.group !== '',
      fault,
      chunkBytes: this.chunkBytes,
    };
    // A watch from a version that is too old ends while it is made.
    let ended = false;
    let watch: WatchAnswer | undefined = undefined;
    const onClose = (): void => {
      ended = true;
      if (watch !== undefined) this.#watches.delete(watch);
    };
    watch = new WatchAnswer(this.store, response, options, onClose);
    if (!ended) this.#watches.add(watch);
  }

  #serveLog(
    target: FakeTarget,
    request: SeenKubeRequest,
    response: ServerResponse,
    fault: FakeFault | undefined,
  ): void {
    const pod = this.store.find('pods', target.namespace, target.name ?? '');
    if (pod === undefined) throw notFound('pods', target.name ?? '');
    const container = request.query.get('container') ?? '';
    const status = pod['status'] as
      { containerStatuses?: { name: string; state?: { waiting?: { reason?: string } } }[] } | undefined;
    const waiting = status?.containerStatuses?.find((one) => one.name === container)?.state?.waiting;
    if (waiting !== undefined) {
      throw badRequest(
        `container "${container}" in pod "${target.name}" is waiting to start: ${waiting.reason ?? 'PodInitializing'}`,
      );
    }
    if (fault?.kind === 'stallLog') {
      response.writeHead(200, { 'content-type': 'text/plain' }).flushHeaders();
      return;
    }
    const dropAfterBytes = fault?.kind === 'cutLog' ? fault.afterBytes : undefined;
    this.logs.serve(target.namespace ?? '', target.name ?? '', container, request.query, response, dropAfterBytes);
  }

  /** Version, discovery and reviews. */
  #special(request: SeenKubeRequest): unknown {
    if (request.path === '/version') return { major: '1', minor: '36', gitVersion: 'v1.36.3' };
    if (request.path === '/api') return { kind: 'APIVersions', versions: ['v1'] };
    if (request.path === '/readyz' || request.path === '/livez') return 'ok';
    if (request.path === '/apis/authentication.k8s.io/v1/selfsubjectreviews') {
      return {
        kind: 'SelfSubjectReview',
        apiVersion: 'authentication.k8s.io/v1',
        status: { userInfo: { username: request.user } },
      };
    }
    if (request.path !== '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews') return undefined;
    const review = JSON.parse(request.bodyText) as {
      spec?: { resourceAttributes?: { verb?: string; resource?: string } };
    };
    const { verb, resource } = review.spec?.resourceAttributes ?? {};
    return { ...review, status: { allowed: !this.#denied(verb ?? '', resource ?? '') } };
  }

  #authorize(request: SeenKubeRequest, target: FakeTarget): void {
    const read = request.watch ? 'watch' : target.name === undefined ? 'list' : 'get';
    const verb = request.method === 'GET' ? read : (VERBS[request.method] ?? 'get');
    if (this.#denied(verb, target.resource.resource)) {
      throw forbidden(request.user ?? '', verb, target.resource.resource, target.namespace);
    }
  }

  #denied(verb: string, resource: string): boolean {
    return this.denials.some((one) => (one.verb ?? verb) === verb && (one.resource ?? resource) === resource);
  }

  #seen(message: IncomingMessage, bodyText: string): SeenKubeRequest {
    const url = new URL(message.url ?? '/', 'http://fake');
    const token = /^Bearer (.*)$/.exec(message.headers.authorization ?? '')?.[1];
    const certificate =
      message.socket instanceof TLSSocket && message.socket.authorized
        ? message.socket.getPeerCertificate()
        : undefined;
    const user = token === undefined ? certificate?.subject?.CN : this.tokens.get(token);
    return {
      method: message.method ?? 'GET',
      path: url.pathname,
      query: url.searchParams,
      watch: ['1', 'true'].includes(url.searchParams.get('watch') ?? ''),
      contentType: message.headers['content-type'] ?? '',
      accept: message.headers.accept ?? '',
      token,
      user: Array.isArray(user) ? user[0] : user,
      bodyText,
      httpVersion: message.httpVersion,
    };
  }
}
