import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';

const SERVICE = 'git-upload-pack';

/** A read-only git server: Smart HTTP of the repositories in one directory. */
export interface GitServer {
  /** As in `http://127.0.0.1:4321`; a repository is `<url>/<name>.git`. */
  readonly url: string;
  close(): Promise<void>;
}

function uploadPack(repository: string, args: readonly string[], request: IncomingMessage): ReturnType<typeof spawn> {
  const protocol = request.headers['git-protocol'];
  return spawn('git', ['-c', 'safe.directory=*', 'upload-pack', '--stateless-rpc', ...args, repository], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, ...(typeof protocol === 'string' ? { GIT_PROTOCOL: protocol } : {}) },
  });
}

function answer(response: ServerResponse, type: string): void {
  response.writeHead(200, { 'content-type': `application/x-${SERVICE}-${type}`, 'cache-control': 'no-cache' });
}

/** https://git-scm.com/docs/http-protocol#_smart_server_response */
function advertise(repository: string, request: IncomingMessage, response: ServerResponse): void {
  answer(response, 'advertisement');
  const line = `# service=${SERVICE}\n`;
  response.write(`${(line.length + 4).toString(16).padStart(4, '0')}${line}0000`);
  const child = uploadPack(repository, ['--advertise-refs'], request);
  child.stdin?.end();
  child.stdout?.pipe(response);
  child.on('error', () => response.destroy());
}

function serve(repository: string, request: IncomingMessage, response: ServerResponse): void {
  answer(response, 'result');
  const child = uploadPack(repository, [], request);
  const body = request.headers['content-encoding'] === 'gzip' ? request.pipe(createGunzip()) : request;
  for (const stream of [body, child.stdin, child.stdout]) stream?.on('error', () => response.destroy());
  if (child.stdin !== null) body.pipe(child.stdin);
  child.stdout?.pipe(response);
  child.on('error', () => response.destroy());
}

/** Serves every bare repository `<directory>/<name>.git` on one address until it is closed. */
export async function serveGit(directory: string, host: string, port: number): Promise<GitServer> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://git');
    const match = /^\/([a-z0-9-]+\.git)\/(info\/refs|git-upload-pack)$/.exec(url.pathname);
    const repository = match?.[1] === undefined ? undefined : join(directory, match[1]);
    if (repository !== undefined && request.method === 'GET' && url.searchParams.get('service') === SERVICE) {
      advertise(repository, request, response);
    } else if (repository !== undefined && request.method === 'POST' && match?.[2] === SERVICE) {
      serve(repository, request, response);
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return {
    url: `http://${host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
