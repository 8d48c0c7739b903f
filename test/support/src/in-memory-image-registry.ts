import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How the registry asks for credentials. `token` hands out tokens itself, at `/token`. */
export type RegistryAuthentication = 'none' | 'basic' | 'token';

export interface InMemoryImageRegistryOptions {
  readonly authentication?: RegistryAuthentication;
  readonly username?: string;
  readonly password?: string;
}

/** What a request looked like, for assertions about what was sent where. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
}

/** Answers a request instead of the registry; false: the registry answers after all. */
export type RegistryFault = (request: IncomingMessage, response: ServerResponse) => boolean;

interface StoredManifest {
  readonly mediaType: string;
  readonly bytes: Buffer;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly body: Buffer;
}

/** An OCI distribution registry over real HTTP on a loopback port, whole enough for a real builder to push to. */
export class InMemoryImageRegistry {
  readonly seen: SeenRequest[] = [];
  /** Asked before every answer. */
  fault: RegistryFault | undefined;
  readonly #manifests = new Map<string, StoredManifest>();
  readonly #blobs = new Map<string, Buffer>();
  readonly #uploads = new Map<string, Buffer[]>();
  readonly #tokens = new Map<string, string>();
  readonly #server: Server;
  readonly #authentication: RegistryAuthentication;
  readonly #credential: string;

  private constructor(options: InMemoryImageRegistryOptions) {
    this.#authentication = options.authentication ?? 'none';
    const pair = `${options.username ?? 'push'}:${options.password ?? 'pushpw'}`;
    this.#credential = `Basic ${Buffer.from(pair).toString('base64')}`;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(options: InMemoryImageRegistryOptions = {}): Promise<InMemoryImageRegistry> {
    const registry = new InMemoryImageRegistry(options);
    await new Promise<void>((resolve) => registry.#server.listen(0, '127.0.0.1', resolve));
    return registry;
  }

  /** `127.0.0.1:port` */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Text of a Docker config.json with the registry's own credential. */
  get dockerConfigJson(): string {
    return JSON.stringify({ auths: { [this.host]: { auth: this.#credential.slice('Basic '.length) } } });
  }

  /** Stores a manifest under a tag and its digest, and returns the digest. */
  store(path: string, tag: string, document: object, mediaType = 'application/vnd.oci.image.manifest.v1+json'): string {
    const bytes = Buffer.from(JSON.stringify(document));
    const digest = digestOf(bytes);
    this.#manifests.set(`${path}@${tag}`, { mediaType, bytes });
    this.#manifests.set(`${path}@${digest}`, { mediaType, bytes });
    return digest;
  }

  /** Digest under a tag; undefined when there is none. */
  digestOf(path: string, tag: string): string | undefined {
    const found = this.#manifests.get(`${path}@${tag}`);
    return found === undefined ? undefined : digestOf(found.bytes);
  }

  tags(path: string): string[] {
    const names = [...this.#manifests.keys()].filter((key) => key.startsWith(`${path}@`));
    return names.map((key) => key.slice(path.length + 1)).filter((name) => !name.startsWith('sha256:'));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url ?? '/', `http://${this.host}`);
    const authorization = request.headers.authorization;
    this.seen.push({ method: request.method ?? '', path: url.pathname + url.search, authorization });
    if (this.fault?.(request, response) === true) return;
    const exchange = { request, response, url, body: Buffer.concat(chunks) };
    if (url.pathname === '/token') this.#token(exchange);
    else if (!this.#mayPass(exchange)) this.#challenge(exchange);
    else this.#route(exchange);
  }

  #route(exchange: Exchange): void {
    const path = decodeURIComponent(exchange.url.pathname);
    const manifest = /^\/v2\/(.+)\/manifests\/([^/]+)$/.exec(path);
    const upload = /^\/v2\/(.+)\/blobs\/uploads\/([^/]*)$/.exec(path);
    const blob = /^\/v2\/(.+)\/blobs\/(sha256:[0-9a-f]{64})$/.exec(path);
    if (path === '/v2/') reply(exchange, 200, {}, '{}');
    else if (manifest !== null) this.#manifest(exchange, manifest[1] ?? '', manifest[2] ?? '');
    else if (upload !== null) this.#upload(exchange, upload[1] ?? '', upload[2] ?? '');
    else if (blob !== null) this.#blob(exchange, blob[2] ?? '');
    else failure(exchange, 404, 'NAME_UNKNOWN');
  }

  #manifest(exchange: Exchange, path: string, reference: string): void {
    if (exchange.request.method === 'PUT') {
      const mediaType = exchange.request.headers['content-type'] ?? '';
      const digest = digestOf(exchange.body);
      this.#manifests.set(`${path}@${reference}`, { mediaType, bytes: exchange.body });
      this.#manifests.set(`${path}@${digest}`, { mediaType, bytes: exchange.body });
      reply(exchange, 201, { 'docker-content-digest': digest, location: `/v2/${path}/manifests/${digest}` });
      return;
    }
    const found = this.#manifests.get(`${path}@${reference}`);
    if (found === undefined) failure(exchange, 404, 'MANIFEST_UNKNOWN');
    else
      reply(
        exchange,
        200,
        { 'content-type': found.mediaType, 'docker-content-digest': digestOf(found.bytes) },
        found.bytes,
      );
  }

  #upload(exchange: Exchange, path: string, id: string): void {
    const chunks = this.#uploads.get(id) ?? [];
    if (exchange.body.length > 0) chunks.push(exchange.body);
    const digest = exchange.url.searchParams.get('digest');
    if (exchange.request.method === 'PUT' && digest !== null) {
      this.#blobs.set(digest, Buffer.concat(chunks));
      this.#uploads.delete(id);
      reply(exchange, 201, { location: `/v2/${path}/blobs/${digest}`, 'docker-content-digest': digest });
      return;
    }
    const upload = id === '' ? randomUUID() : id;
    this.#uploads.set(upload, chunks);
    const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    reply(exchange, 202, {
      location: `/v2/${path}/blobs/uploads/${upload}`,
      range: `0-${Math.max(0, size - 1)}`,
      'docker-upload-uuid': upload,
    });
  }

  #blob(exchange: Exchange, digest: string): void {
    const bytes = this.#blobs.get(digest);
    if (bytes === undefined) failure(exchange, 404, 'BLOB_UNKNOWN');
    else reply(exchange, 200, { 'docker-content-digest': digest }, bytes);
  }

  #token(exchange: Exchange): void {
    const form = new URLSearchParams(exchange.body.toString());
    const byRefresh = form.get('refresh_token') === 'refresh-me';
    if (!byRefresh && exchange.request.headers.authorization !== this.#credential) {
      failure(exchange, 401, 'UNAUTHORIZED');
      return;
    }
    const token = randomUUID();
    this.#tokens.set(token, form.get('scope') ?? exchange.url.searchParams.getAll('scope').join(' '));
    reply(exchange, 200, { 'content-type': 'application/json' }, JSON.stringify({ token, expires_in: 60 }));
  }

  #mayPass(exchange: Exchange): boolean {
    const authorization = exchange.request.headers.authorization;
    if (this.#authentication === 'none') return true;
    if (this.#authentication === 'basic') return authorization === this.#credential;
    const scope = this.#tokens.get(authorization?.replace(/^Bearer /, '') ?? '');
    const writes = exchange.request.method !== 'GET' && exchange.request.method !== 'HEAD';
    return scope !== undefined && (!writes || scope.includes('push'));
  }

  #challenge(exchange: Exchange): void {
    const path = /^\/v2\/(.+?)\/(?:manifests|blobs)\//.exec(exchange.url.pathname)?.[1];
    const scope = path === undefined ? '' : `,scope="repository:${path}:pull"`;
    const token = `Bearer realm="http://${this.host}/token",service="stub"${scope}`;
    const challenge = this.#authentication === 'basic' ? 'Basic realm="stub"' : token;
    failure(exchange, 401, 'UNAUTHORIZED', { 'www-authenticate': challenge });
  }
}

function reply(exchange: Exchange, status: number, headers: Record<string, string>, body: string | Buffer = ''): void {
  const bytes = Buffer.from(body);
  exchange.response.writeHead(status, { ...headers, 'content-length': String(bytes.length) });
  exchange.response.end(exchange.request.method === 'HEAD' ? undefined : bytes);
}

function failure(exchange: Exchange, status: number, code: string, headers: Record<string, string> = {}): void {
  const body = JSON.stringify({ errors: [{ code, message: 'canary-upstream-text' }] });
  reply(exchange, status, { ...headers, 'content-type': 'application/json' }, body);
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
