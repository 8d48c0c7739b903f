import type { Readable } from 'node:stream';
import { ClusterConnection, outcomeOf, resolveAccess } from '@image-factory/cluster-connectors';
import { EgressPolicy } from '@image-factory/egress';
import { eventually, RawHttp2Server, type RawStream } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nextChunk as next } from './connector-world.ts';

const CODES = { NO_ERROR: 0, INTERNAL_ERROR: 2, REFUSED_STREAM: 7, CANCEL: 8, ENHANCE_YOUR_CALM: 11 } as const;
const PING_MS = 40;
/** So many pings long, nothing else was said. */
const QUIET_PINGS = 5;

let server: RawHttp2Server;
const open: ClusterConnection[] = [];

beforeEach(async () => {
  server = await RawHttp2Server.start();
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((connection) => connection.close()));
  await server.close();
});

async function connect(pingMs?: number): Promise<ClusterConnection> {
  const context = { fileRules: { allowedDirs: [], anyPath: false } };
  const access = await resolveAccess('token', server.providerConfig, context);
  const egress = new EgressPolicy({ allow: ['127.0.0.1'] });
  const pings = pingMs === undefined ? {} : { pingMs };
  const connection = new ClusterConnection({ providerId: 'p', generation: 1, access, egress, ...pings });
  open.push(connection);
  return connection;
}

/** A log, and the server's end of it. */
async function follow(connection: ClusterConnection): Promise<{ body: Readable; stream: RawStream }> {
  const before = server.streams.length;
  const { body } = await connection.stream({
    requestClass: 'logs',
    method: 'GET',
    path: '/api/v1/namespaces/builds/pods/pod/log',
    query: { follow: true },
  });
  const stream = server.streams[before];
  if (stream === undefined) return expect.unreachable('the server has not seen the stream');
  return { body, stream };
}

/** What came, and how it ended. */
async function readAll(body: Readable): Promise<{ text: string; ended: 'whole' | 'broken' }> {
  let text = '';
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) text += String(chunk);
    return { text, ended: 'whole' };
  } catch {
    return { text, ended: 'broken' };
  }
}

type Cut = readonly [string, (stream: RawStream) => unknown];
const CUTS: readonly Cut[] = [
  ...Object.entries(CODES).flatMap(([name, code]): Cut[] => [
    [`its stream is reset with ${name}`, (stream) => stream.reset(code)],
    [
      `its stream is reset with ${name} by a server that goes away`,
      (stream) => {
        stream.goAway();
        stream.reset(code);
      },
    ],
  ]),
  ['the connection ends', (stream) => stream.socket.end()],
  ['the connection is lost', (stream) => stream.socket.destroy()],
  ['the server goes away and leaves it out', (stream) => stream.goAway(CODES.NO_ERROR, 0)],
  ['the server goes away with an error', (stream) => stream.goAway(CODES.INTERNAL_ERROR)],
  [
    'the server goes away and closes the connection',
    (stream) => {
      stream.goAway();
      stream.socket.end();
    },
  ],
];

describe('a log over HTTP/2', () => {
  it('is whole when its end has come', async () => {
    const { body, stream } = await follow(await connect());
    stream.data('one\n');
    stream.data('two\n');
    stream.end();
    expect(await readAll(body)).toEqual({ text: 'one\ntwo\n', ended: 'whole' });
  });

  it('is whole when the server resets its stream after the end, as it may', async () => {
    const { body, stream } = await follow(await connect());
    stream.data('one\n');
    stream.end();
    stream.reset(CODES.NO_ERROR);
    expect(await readAll(body)).toEqual({ text: 'one\n', ended: 'whole' });
  });

  it.each(CUTS)('is broken, never ended, when %s', async (_name, cut) => {
    const { body, stream } = await follow(await connect());
    stream.data('one\n');
    expect(await next(body)).toBe('one\n');
    cut(stream);
    expect(await readAll(body)).toEqual({ text: '', ended: 'broken' });
  });

  it.each(CUTS)('is broken for a reader that comes later, when %s', async (_name, cut) => {
    const { body, stream } = await follow(await connect());
    const large = 'x'.repeat(10_000);
    for (let count = 0; count < 10; count += 1) stream.data(large);
    await eventually('something has come', () => body.readableLength > 0);
    cut(stream);
    await eventually('the end was noticed', () => body.destroyed || body.errored !== null);
    expect((await readAll(body)).ended).toBe('broken');
  });

  it.each(CUTS)('is opened again after %s', async (_name, cut) => {
    const connection = await connect();
    const first = await follow(connection);
    cut(first.stream);
    await readAll(first.body);
    const second = await follow(connection);
    second.stream.data('two\n');
    expect(await next(second.body)).toBe('two\n');
  });

  it('of a slow reader takes at most so many bytes unasked', async () => {
    await follow(await connect());
    expect(server.clientWindowBytes).toBe(128 * 1024);
  });

  it('goes on over a connection that goes away, while new ones open another', async () => {
    const connection = await connect(PING_MS);
    const first = await follow(connection);
    first.stream.goAway();
    first.stream.data('zero\n');
    expect(await next(first.body)).toBe('zero\n');
    const second = await follow(connection);
    expect(server.openConnections).toBe(2);
    await eventually('nothing comes for a while', () => server.pingsAnswered >= QUIET_PINGS);
    first.stream.data('one\n');
    second.stream.data('two\n');
    expect([await next(first.body), await next(second.body)]).toEqual(['one\n', 'two\n']);
    first.stream.end();
    expect(await readAll(first.body)).toEqual({ text: '', ended: 'whole' });
  });

  it('goes on over a connection of a server that shuts down, while requests fail as refused, not by their limit', async () => {
    const connection = await connect();
    const first = await follow(connection);
    first.stream.goAway();
    first.stream.data('one\n');
    expect(await next(first.body)).toBe('one\n');
    server.stopListening();
    const request = { requestClass: 'create', method: 'GET', path: '/api/v1/pods', timeoutMs: 5_000 } as const;
    const asked = Array.from({ length: 3 }, () => connection.request(request).catch((error: unknown) => error));
    for (const error of await Promise.all(asked)) {
      expect(error).toMatchObject({ reason: 'ClusterUnreachable', message: expect.stringContaining('ECONNREFUSED') });
      expect(outcomeOf(error)).toBe('notSent');
    }
    first.stream.data('two\n');
    expect(await next(first.body)).toBe('two\n');
  });

  it('over a connection that goes away never mixes with what the next connection brings', async () => {
    const connection = await connect();
    const first = await follow(connection);
    first.stream.data('one\n');
    expect(await next(first.body)).toBe('one\n');
    first.stream.goAway();
    first.stream.data('two\n');
    expect(await next(first.body)).toBe('two\n');
    const second = await follow(connection);
    const asked = server.streams.length;
    const ends = readAll(first.body);
    second.stream.socket.destroy();
    expect((await readAll(second.body)).ended).toBe('broken');
    await follow(connection);
    for (const stream of server.streams.slice(asked)) stream.data('again\n');
    first.stream.data('three\n');
    first.stream.end();
    expect([
      { text: 'three\n', ended: 'whole' },
      { text: '', ended: 'broken' },
    ]).toContainEqual(await ends);
  });
});

describe('a connection that logs share', () => {
  it('is given up when it gives no answer to a ping, and the next log opens another', async () => {
    const connection = await connect(PING_MS);
    const logs = [await follow(connection), await follow(connection)] as const;
    expect(server.openConnections).toBe(1);
    server.silence(logs[0].stream.socket);
    expect((await readAll(logs[0].body)).ended).toBe('broken');
    expect((await readAll(logs[1].body)).ended).toBe('broken');
    const again = await follow(connection);
    expect(again.stream.socket).not.toBe(logs[0].stream.socket);
    again.stream.data('one\n');
    expect(await next(again.body)).toBe('one\n');
  });

  it('that gives no answer to a ping is not what a read fails by: it is sent once more, over another', async () => {
    const connection = await connect(PING_MS);
    const asked = connection.request({ requestClass: 'status', method: 'GET', path: '/api/v1/pods' });
    const first = await eventually('the server has the read', () => server.streams[0]);
    server.silence(first.socket);
    const again = await eventually('it comes again', () => server.streams[1]);
    expect(again.socket).not.toBe(first.socket);
    again.end();
    expect((await asked).status).toBe(200);
  });

  it('is kept while its pings are answered, though nothing else comes', async () => {
    const { body, stream } = await follow(await connect(PING_MS));
    await eventually('nothing comes for a while', () => server.pingsAnswered >= QUIET_PINGS);
    stream.data('one\n');
    expect(await next(body)).toBe('one\n');
    expect(server.streams).toHaveLength(1);
  });
});

describe('a request that is given up while its body is on its way', () => {
  it('is reset: a stream that goes without a word leaves what sends its body spinning', async () => {
    const connection = await connect();
    const given = new AbortController();
    // More than a stream's window, which this server never widens.
    const body = { data: 'x'.repeat(200_000) };
    const path = '/api/v1/namespaces/builds/secrets';
    const asked = connection
      .request({ requestClass: 'create', method: 'POST', path, body, signal: given.signal })
      .catch((error: unknown) => error);
    const { id } = await eventually('the server has its head', () => server.streams[0]);
    given.abort(new Error('given up'));
    expect(outcomeOf(await asked)).toBe('unknown');
    expect(await eventually('the server is told', () => server.resets.get(id))).toBe(CODES.CANCEL);
    const other = connection.request({ requestClass: 'status', method: 'GET', path });
    (await eventually('the connection is used on', () => server.streams[1])).end();
    expect((await other).status).toBe(200);
  });
});

describe('a request that the server did not look at', () => {
  const refuse: readonly Cut[] = [
    ['refused', (stream) => stream.reset(CODES.REFUSED_STREAM)],
    ['left out as the server goes away', (stream) => stream.goAway(CODES.NO_ERROR, 0)],
  ];
  const ask = (connection: ClusterConnection, method: 'GET' | 'POST') =>
    connection.request({ requestClass: 'create', method, path: '/api/v1/namespaces/builds/secrets', timeoutMs: 2_000 });

  it.each(refuse)('is a write that is not sent again by itself: %s', async (_what, cut) => {
    const connection = await connect();
    const asked = ask(connection, 'POST').catch((error: unknown) => error);
    cut(await eventually('the server has the write', () => server.streams[0]));
    expect(outcomeOf(await asked)).toBe('unknown');
    expect(server.streams).toHaveLength(1);
  });

  it.each(refuse)('is a read that is: %s', async (_what, cut) => {
    const connection = await connect();
    const asked = ask(connection, 'GET');
    cut(await eventually('the server has the read', () => server.streams[0]));
    (await eventually('it comes again', () => server.streams[1])).end();
    expect((await asked).status).toBe(200);
  });
});
