import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Files of a repository by path. */
export type RepositoryFiles = Readonly<Record<string, string | Uint8Array>>;

export interface GitHttpServerOptions {
  /** Required of every request when set. */
  readonly username?: string;
  readonly password?: string;
}

/** Answers in place of the repository; false: it has not, and the repository does. */
export type GitFault = (response: ServerResponse) => boolean;

/** Serves git repositories over the smart HTTP protocol on a loopback port, as `git http-backend` does behind a web server. */
export class GitHttpServer {
  fault: GitFault | undefined;
  readonly #root: string;
  readonly #server: Server;
  readonly #authorization: string | undefined;

  private constructor(root: string, options: GitHttpServerOptions) {
    this.#root = root;
    const pair = `${options.username}:${options.password}`;
    this.#authorization = options.username === undefined ? undefined : `Basic ${Buffer.from(pair).toString('base64')}`;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  static async start(options: GitHttpServerOptions = {}): Promise<GitHttpServer> {
    const server = new GitHttpServer(await mkdtemp(join(tmpdir(), 'if-git-')), options);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  /** `127.0.0.1:port` */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  url(name: string): string {
    return `http://${this.host}/${name}.git`;
  }

  /** Commits the files to a repository's branch, which is made when it is new; returns the commit. */
  async commit(name: string, files: RepositoryFiles, branch = 'main'): Promise<string> {
    const directory = join(this.#root, `${name}.git`);
    await mkdir(directory, { recursive: true });
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(directory, path)), { recursive: true });
      await writeFile(join(directory, path), content);
    }
    await this.#git(directory, 'init', '--quiet');
    await this.#git(directory, 'checkout', '--quiet', '-B', branch);
    await this.#git(directory, 'add', '--all', '--force');
    await this.#git(directory, 'commit', '--quiet', '--allow-empty', '--message', 'Change');
    return (await this.#git(directory, 'rev-parse', 'HEAD')).trim();
  }

  /** Adds a symbolic link to the next commit. */
  async link(name: string, path: string, target: string): Promise<void> {
    const directory = join(this.#root, `${name}.git`);
    await mkdir(directory, { recursive: true });
    await symlink(target, join(directory, path));
  }

  /** Tags the last commit. */
  async tag(name: string, tag: string): Promise<void> {
    await this.#git(join(this.#root, `${name}.git`), 'tag', tag);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.#root, { recursive: true, force: true });
  }

  async #git(directory: string, ...args: string[]): Promise<string> {
    const identity = ['-c', 'user.name=Test', '-c', 'user.email=test@example.org', '-c', 'commit.gpgsign=false'];
    const env = { PATH: process.env['PATH'], GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' };
    return (await run('git', [...identity, '-C', directory, ...args], { env })).stdout;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    if (this.fault?.(response) === true) return;
    if (this.#authorization !== undefined && request.headers.authorization !== this.#authorization) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
      return;
    }
    const url = new URL(request.url ?? '/', `http://${this.host}`);
    const backend = spawn('git', ['http-backend'], {
      env: {
        PATH: process.env['PATH'],
        GIT_PROJECT_ROOT: this.#root,
        GIT_HTTP_EXPORT_ALL: '1',
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_CONFIG_COUNT: '1',
        GIT_CONFIG_KEY_0: 'safe.directory',
        GIT_CONFIG_VALUE_0: '*',
        PATH_INFO: url.pathname.replace(/^\/([^/]+)\.git\//, '/$1.git/.git/'),
        QUERY_STRING: url.search.slice(1),
        REQUEST_METHOD: request.method ?? 'GET',
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
        GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      },
    });
    request.pipe(backend.stdin);
    const chunks: Buffer[] = [];
    backend.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    backend.on('close', () => answerFromCgi(Buffer.concat(chunks), response));
  }
}

function answerFromCgi(output: Buffer, response: ServerResponse): void {
  const split = output.indexOf('\r\n\r\n');
  if (split === -1) {
    response.writeHead(500).end();
    return;
  }
  let status = 200;
  for (const line of output.toString('latin1', 0, split).split('\r\n')) {
    const colon = line.indexOf(':');
    const [name, value] = [line.slice(0, colon), line.slice(colon + 1).trim()];
    if (name.toLowerCase() === 'status') status = Number.parseInt(value, 10);
    else response.setHeader(name, value);
  }
  response.writeHead(status).end(output.subarray(split + 4));
}
