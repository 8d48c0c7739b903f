import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Database } from '@image-factory/persistence';
import { createTestDatabase, type TestDatabase } from '@image-factory/test-support';
import { afterEach, beforeEach, expect, it } from 'vitest';

const MARK = 'last words';

/** ErrorResponse of a server that ends a session (PostgreSQL, Frontend/Backend Protocol, message formats). */
function goodBye(): Buffer {
  const fields = ['SFATAL', 'VFATAL', 'C57P01', 'Mterminating connection due to administrator command', ''];
  const body = Buffer.from(fields.map((field) => `${field}\0`).join(''));
  const head = Buffer.alloc(5, 'E');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

let test: TestDatabase;
let proxy: Server;
let database: Database;
const sockets = new Set<Socket>();

beforeEach(async () => {
  test = await createTestDatabase();
  const target = new URL(test.url);
  const { port, hostname } = target;
  proxy = createServer((client) => {
    const server = connect(Number(port), hostname);
    for (const socket of [client, server]) sockets.add(socket.on('error', () => undefined));
    client.pipe(server);
    server.on('data', (data) => client.write(data.includes(MARK) ? Buffer.concat([data, goodBye()]) : data));
    server.on('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  target.port = String((proxy.address() as AddressInfo).port);
  database = Database.create({ url: target.href, poolSize: 1, applicationName: 'test' });
  await database.connect();
});
afterEach(async () => {
  await database.close();
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => proxy.close(resolve));
  await test.drop();
});

it('a session that the server ends in one packet with its last answer ends no process', async () => {
  const uncaught: unknown[] = [];
  const note = (error: unknown): unknown => uncaught.push(error);
  process.on('uncaughtException', note);
  try {
    const answered = database.query(`SELECT '${MARK}' AS said`);
    const next = database.transaction((tx) => tx.query('SELECT 1')).catch((error: unknown) => error);
    expect(await answered).toEqual([{ said: MARK }]);
    expect(await next).toMatchObject({ reason: 'DatabaseUnavailable' });
    expect(await database.query('SELECT 2 AS two')).toEqual([{ two: 2 }]);
    expect(uncaught).toEqual([]);
  } finally {
    process.off('uncaughtException', note);
  }
});
