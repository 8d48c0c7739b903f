import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { CloudHttp } from '@image-factory/cluster-connectors';
import { EgressPolicy } from '@image-factory/egress';
import { afterEach, describe, expect, it } from 'vitest';

let server: Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  server = undefined;
});

async function answering(listener: RequestListener): Promise<string> {
  server = createServer(listener);
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const allow = ['127.0.0.1'];
const http = (redirects: Record<string, string> = {}) =>
  new CloudHttp(new EgressPolicy({ allow, allowHttp: allow }), redirects);
const signal = () => AbortSignal.timeout(20_000);
const ask = (url: string) => http().json('GET', url, 'token', signal());

describe('an answer of a cloud', () => {
  it('is read up to 16 MiB, though no length is said', async () => {
    const part = Buffer.alloc(1024 * 1024, 'x');
    let sent = 0;
    const url = await answering((_request, response) => {
      const more = (): void => {
        if (sent >= 64) return void response.end();
        sent += 1;
        response.write(part, more);
      };
      more();
    });
    await expect(ask(url)).rejects.toMatchObject({ reason: 'CloudUnavailable', message: /more than 16 MiB/ });
    expect(sent).toBeLessThan(64);
  });

  it('is measured after it is unpacked', async () => {
    const small = gzipSync(Buffer.alloc(32 * 1024 * 1024));
    const url = await answering((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(small);
    });
    expect(small.length).toBeLessThan(100_000);
    await expect(ask(url)).rejects.toMatchObject({ message: /more than 16 MiB/ });
  });

  it('is whole when it is unpacked, and empty when it is', async () => {
    const url = await answering(({ url: path }, response) => {
      if (path === '/none') response.writeHead(204).end();
      else response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{"a": [1]}'));
    });
    expect(await ask(url)).toMatchObject({ status: 200, body: { a: [1] } });
    expect(await ask(`${url}/none`)).toMatchObject({ status: 204, body: undefined });
  });

  it('that leads elsewhere is not followed', async () => {
    const seen: (string | undefined)[] = [];
    const url = await answering((request, response) => {
      seen.push(request.url);
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    await expect(ask(url)).rejects.toThrow();
    expect(seen).toEqual(['/']);
  });
});

describe('a metadata server', () => {
  const metadata = 'http://169.254.169.254/latest';
  const reasonOf = (asked: Promise<unknown>): Promise<unknown> =>
    asked.then(
      () => 'answered',
      (error: { reason?: string; cause?: { reason?: string } }) => error.reason ?? error.cause?.reason,
    );

  it('is reached by no API, whatever an operator allows or an endpoint is redirected to', async () => {
    const egress = new EgressPolicy({ allow: ['169.254.0.0/16'], allowHttp: ['169.254.169.254'] });
    const redirected = new CloudHttp(egress, { 'https://management.azure.com': 'http://169.254.169.254' });
    expect(await reasonOf(redirected.json('GET', metadata, 'token', signal()))).toBe('EgressForbidden');
    const moved = redirected.json('GET', 'https://management.azure.com/subscriptions', 'token', signal());
    expect(await reasonOf(moved)).toBe('EgressForbidden');
  });

  it.each(['http://169.254.169.254/', 'http://169.254.170.2/v2', 'http://169.254.170.23/v1', 'http://168.63.129.16/'])(
    'is refused before a socket is opened: %s',
    async (url) => {
      expect(await reasonOf(http().fetch('api')(url, { signal: signal() }))).toBe('EgressForbidden');
    },
  );

  it('is the only address that the identity of this process may ask beyond the rules', async () => {
    const identity = http().fetch('identity');
    for (const url of ['http://169.254.170.2/v2', 'http://169.254.1.1/', 'http://127.0.0.2/']) {
      expect(await reasonOf(identity(url, { signal: signal() }))).toBe('EgressForbidden');
    }
  });
});
