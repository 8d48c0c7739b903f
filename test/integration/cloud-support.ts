import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));

/** What the child process does with one provider. */
export interface CloudTask {
  readonly type: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly redirects?: Readonly<Record<string, string>>;
  readonly egressAllow?: readonly string[];
  /** How often it connects; each asks the version so many times. */
  readonly connections?: number;
  readonly requests?: number;
}

export interface CloudAnswer {
  readonly versions?: readonly string[];
  readonly connections?: number;
  readonly issues?: readonly { readonly path: string; readonly message: string }[];
  readonly error?: {
    readonly kind: string;
    readonly reason: string;
    readonly fault: string;
    readonly retryable: boolean;
    readonly message: string;
    readonly outcome: unknown;
  };
}

/**
 * Does tasks in processes that have one environment each and nothing else of ours: tasks of the same environment share
 * one, in turn.
 */
export class CloudProcesses {
  readonly #children = new Map<string, CloudProcess>();
  readonly #secrets: readonly string[];

  /** @param secrets what no process may print */
  constructor(secrets: readonly string[]) {
    this.#secrets = secrets;
  }

  do(task: CloudTask, env: Readonly<Record<string, string>>): Promise<CloudAnswer> {
    const key = JSON.stringify(env);
    const known = this.#children.get(key) ?? new CloudProcess(env);
    this.#children.set(key, known);
    return known.do(task);
  }

  /** Ends the processes. Fails when a secret is in anything that one of them has printed. */
  async close(): Promise<void> {
    const printed = await Promise.all([...this.#children.values()].map((child) => child.end()));
    for (const secret of this.#secrets) expect(printed.join('')).not.toContain(secret);
  }
}

class CloudProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;
  #printed = '';

  constructor(env: Readonly<Record<string, string>>) {
    const flags = [
      '--conditions=source',
      '--experimental-transform-types',
      '--disable-warning=ExperimentalWarning',
      '--import',
      join(REPOSITORY, 'test/support/src/typescript-sources.mjs'),
      join(REPOSITORY, 'test/integration/cloud-child.ts'),
    ];
    const options = { env: { PATH: '/usr/bin:/bin', HOME: '/nonexistent', ...env } };
    this.#child = spawn(process.execPath, flags, options);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.on('data', (chunk: Buffer) => (this.#printed += chunk.toString()));
    }
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async do(task: CloudTask): Promise<CloudAnswer> {
    this.#child.stdin.write(`${JSON.stringify(task)}\n`);
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error(`the process ended: ${this.#printed}`);
    return JSON.parse(value) as CloudAnswer;
  }

  /** All that it has printed. */
  async end(): Promise<string> {
    this.#child.stdin.end();
    if (this.#child.exitCode === null) await once(this.#child, 'close');
    return this.#printed;
  }
}

export interface StubRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface StubAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A text as it is; anything else as JSON. */
  readonly body: unknown;
}

/** An HTTP server that stands for a cloud's APIs and remembers what it was asked. */
export class CloudStub {
  readonly requests: StubRequest[] = [];
  answer: (request: StubRequest) => StubAnswer | undefined = () => undefined;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const url = new URL(request.url ?? '/', 'http://stub');
        const seen = {
          method: request.method ?? '',
          path: url.pathname,
          query: url.searchParams,
          headers: request.headers,
          body: Buffer.concat(chunks).toString(),
        };
        this.requests.push(seen);
        const { status = 200, headers = {}, body } = this.answer(seen) ?? { status: 599, body: 'not in the stub' };
        const text = typeof body === 'string' ? body : JSON.stringify(body);
        const type = typeof body === 'string' ? 'text/xml' : 'application/json';
        response.writeHead(status, { 'content-type': type, ...headers }).end(text);
      });
    });
  }

  static async start(): Promise<CloudStub> {
    const stub = new CloudStub();
    await new Promise<void>((resolve) => {
      stub.#server.listen(0, '127.0.0.1', resolve);
    });
    return stub;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Requests to a path. */
  seen(path: string | RegExp): StubRequest[] {
    return this.requests.filter((request) =>
      typeof path === 'string' ? request.path === path : path.test(request.path),
    );
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** A port on which nothing listens. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
