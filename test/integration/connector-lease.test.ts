import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { resolveAccess } from '@image-factory/cluster-connectors';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConnectorWorld, createSecret, failure, listPods } from './connector-world.ts';

const context = { fileRules: { allowedDirs: [], anyPath: true } };
const ONE_PER_SECOND = { floorPerSecond: 1, ceilingPerSecond: 1 };
let world: ConnectorWorld;

beforeEach(async () => {
  world = await ConnectorWorld.start();
});
afterEach(() => world.close());

describe('a write whose lease ends', () => {
  const lost = { kind: 'Conflict', reason: 'LeaseLost', details: { outcome: 'notSent' } };
  const posts = (): number => world.server.seen({ method: 'POST' }).length;

  it('while it waits for its turn is not sent, and one whose lease is renewed is', async () => {
    const access = await resolveAccess('token', world.server.providerConfig(), context);
    const connection = world.connect(access, { pressure: ONE_PER_SECOND });
    await connection.request(listPods);
    let held = true;
    const mayWrite = (): boolean => held;
    const late = failure(connection.request({ ...createSecret, mayWrite }));
    held = false;
    await world.clock.advance(1_000);
    expect(await late).toMatchObject(lost);
    expect(posts()).toBe(0);
    const waiting = connection.request({ ...createSecret, mayWrite });
    held = true;
    await world.clock.advance(1_000);
    await waiting;
    expect(posts()).toBe(1);
    expect(connection.pressure.breaker).toBe('closed');
  });

  it('while it waits for its turn is sent all the same when nobody asks once more', async () => {
    const access = await resolveAccess('token', world.server.providerConfig(), context);
    const connection = world.connect(access, { pressure: ONE_PER_SECOND });
    await connection.request(listPods);
    let held = true;
    const isAskedOnce = held;
    const late = connection.request({ ...createSecret, mayWrite: () => isAskedOnce });
    held = false;
    await world.clock.advance(1_000);
    await late;
    expect([held, posts()]).toEqual([false, 1]);
  });

  it('before it is sent again with another token is not', async () => {
    const token_path = join(world.directory, 'token');
    await writeFile(token_path, 'fake-token');
    const fields = { endpoint: world.server.url, ca_cert: world.server.ca, token_path };
    const connection = world.connect(await resolveAccess('token', fields, context));
    await connection.request(listPods);
    world.server.tokens.delete('fake-token');
    world.server.tokens.set('second-token', 'fake-admin');
    await writeFile(token_path, 'second-token');
    const mayWrite = (): boolean => posts() === 0;
    expect(await failure(connection.request({ ...createSecret, mayWrite }))).toMatchObject(lost);
    expect(posts()).toBe(1);
  });
});
