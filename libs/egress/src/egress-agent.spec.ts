import { createServer, get, type Server } from 'node:http';
import { get as getSecure } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { egressAgents } from './egress-agent.js';
import { EgressPolicy } from './egress-policy.js';

const NAMES: Readonly<Record<string, string>> = {
  'loop.example': '127.0.0.1',
  'meta.example': '169.254.169.254',
  'metadata.google.internal': '169.254.169.254',
};

let server: Server;
let port: number;
let reached: number;

beforeEach(async () => {
  reached = 0;
  server = createServer((_request, response) => response.end('here'));
  server.on('connection', () => (reached += 1));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  port = (server.address() as AddressInfo).port;
});

afterEach(() => {
  server.close();
});

function policy(allow: readonly string[]): EgressPolicy {
  const resolve = async (host: string) => [{ address: NAMES[host] ?? '203.0.113.1', family: 4 }];
  return new EgressPolicy({ allow, resolve });
}

function status(url: string, allow: readonly string[]): Promise<number | undefined> {
  const agents = egressAgents(policy(allow), 'cluster');
  const ask = url.startsWith('https:') ? getSecure : get;
  return new Promise((resolve, reject) => {
    const agent = url.startsWith('https:') ? agents.https : agents.http;
    ask(url, { agent, timeout: 2_000 }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });
}

describe("node's agents behind the egress policy", () => {
  it('reach what is allowed, by address and by name', async () => {
    expect(await status(`http://127.0.0.1:${port}/`, ['127.0.0.1'])).toBe(200);
    expect(await status(`http://loop.example:${port}/`, ['loop.example'])).toBe(200);
    expect(reached).toBe(2);
  });

  it.each([
    'http://127.0.0.1:PORT/',
    'http://loop.example:PORT/',
    'http://[::1]:PORT/',
    'https://127.0.0.1:PORT/',
    'https://loop.example:PORT/',
    'http://169.254.169.254/',
    'http://meta.example/',
    'https://metadata.google.internal/',
  ])('open no socket to %s', async (url) => {
    const asked = status(url.replace('PORT', String(port)), []);
    await expect(asked).rejects.toMatchObject({ reason: 'EgressForbidden', details: { outcome: 'notSent' } });
    expect(reached).toBe(0);
  });
});
