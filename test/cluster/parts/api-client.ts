import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { addresses, type Layout, ports } from '../machine/layout.ts';
import { adminToken } from './certificates.ts';

export interface ApiAnswer {
  readonly status: number;
  /** Parsed when the answer is JSON, else the text. */
  readonly body: any;
}

/** One request to the API server as administrator. Rejects when no answer came within 10 s. */
export function callApi(layout: Layout, method: string, path: string, body?: unknown): Promise<ApiAnswer> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        servername: 'localhost',
        port: ports.apiServer,
        method,
        path,
        ca: readFileSync(join(layout.pkiDir, 'ca.crt')),
        timeout: 10_000,
        agent: false,
        headers: {
          authorization: `Bearer ${adminToken(layout)}`,
          ...(payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
        },
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const isJson = incoming.headers['content-type']?.startsWith('application/json') ?? false;
          resolve({ status: incoming.statusCode ?? 0, body: isJson ? JSON.parse(text) : text });
        });
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer within 10 s')));
    outgoing.on('error', reject);
    outgoing.end(payload);
  });
}

/** True when the API server says of itself that it is ready. */
export async function isApiServerReady(layout: Layout): Promise<boolean> {
  return (await callApi(layout, 'GET', '/readyz')).status === 200;
}

/** True when the node's Ready condition is True and its heartbeat is newer than `sinceMs` (0: any). */
export async function isNodeReady(layout: Layout, sinceMs: number): Promise<boolean> {
  const answer = await callApi(layout, 'GET', `/api/v1/nodes/${addresses.nodeName}`);
  const conditions: { type: string; status: string; lastHeartbeatTime: string }[] = answer.body.status?.conditions ?? [];
  return conditions.some(
    (condition) => condition.type === 'Ready' && condition.status === 'True' && Date.parse(condition.lastHeartbeatTime) >= sinceMs,
  );
}
