import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { addresses, type Layout } from '../machine/layout.ts';
import { adminToken, apiServerUrl } from './certificates.ts';

/** An API server and the right to use it. */
export interface ApiConnection {
  readonly url: string;
  /** Certificate authority, PEM. */
  readonly ca: Buffer;
  /** Bearer token. */
  readonly token: string;
}

export interface ApiAnswer<Body> {
  readonly status: number;
  /** Parsed when the answer is JSON, else the text. What `Body` says is the caller's belief, not checked. */
  readonly body: Body;
}

/** The administrator's connection to this machine's cluster. */
export function connectionOf(layout: Layout): ApiConnection {
  return { url: apiServerUrl, ca: readFileSync(join(layout.pkiDir, 'ca.crt')), token: adminToken(layout) };
}

/** One request to the API server. Rejects when no answer came within 10 s. */
export function callApi<Body = unknown>(
  connection: ApiConnection,
  method: string,
  path: string,
  body?: unknown,
): Promise<ApiAnswer<Body>> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  return new Promise((resolve, reject) => {
    const outgoing = request(
      new URL(path, connection.url),
      {
        method,
        ca: connection.ca,
        timeout: 10_000,
        agent: false,
        headers: {
          authorization: `Bearer ${connection.token}`,
          ...(payload === undefined
            ? {}
            : { 'content-type': contentType, 'content-length': Buffer.byteLength(payload) }),
        },
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const isJson = incoming.headers['content-type']?.startsWith('application/json') ?? false;
          resolve({ status: incoming.statusCode ?? 0, body: (isJson ? JSON.parse(text) : text) as Body });
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
  return (await callApi(connectionOf(layout), 'GET', '/readyz')).status === 200;
}

interface Node {
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly lastHeartbeatTime: string;
    }[];
  };
}

/** True when the node's Ready condition is True and its heartbeat is newer than `sinceMs` (0: any). */
export async function isNodeReady(layout: Layout, sinceMs: number): Promise<boolean> {
  const { body } = await callApi<Node>(connectionOf(layout), 'GET', `/api/v1/nodes/${addresses.nodeName}`);
  return (body.status?.conditions ?? []).some(
    ({ type, status, lastHeartbeatTime }) =>
      type === 'Ready' && status === 'True' && Date.parse(lastHeartbeatTime) >= sinceMs,
  );
}
