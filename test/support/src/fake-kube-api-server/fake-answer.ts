import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import { ApiFailure } from './api-status.js';
import type { FakeFault, SeenKubeRequest } from './fault-script.js';

/** Writes an answer, or what its fault makes of it after the commit. */
export function finish(
  request: SeenKubeRequest,
  response: ServerResponse,
  fault: FakeFault | undefined,
  status: number,
  body: unknown,
): void {
  if (fault?.kind === 'commitThenDrop') breakOff(response);
  else if (fault?.kind === 'garbage') response.writeHead(200, { 'content-type': 'application/json' }).end('{"kind":');
  else if (fault?.kind !== 'commitThenHang')
    send(response, request.method === 'POST' && status === 200 ? 201 : status, body, {});
}

/**
 * Breaks an answer off: over HTTP/1.1 its connection is closed; over HTTP/2 its stream is reset with INTERNAL_ERROR, which is
 * what Go's server does when a handler aborts.
 */
export function breakOff(response: ServerResponse): void {
  const { stream } = response as unknown as Partial<Http2ServerResponse>;
  if (stream === undefined) response.socket?.destroy();
  else stream.destroy(new Error('broken off'));
}

export function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>>,
): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** The refusal that a test asked for. */
export function scripted(fault: FakeFault & { kind: 'status' }): ApiFailure {
  const headers: Record<string, string> =
    fault.retryAfterSeconds === undefined ? {} : { 'retry-after': String(fault.retryAfterSeconds) };
  return new ApiFailure(
    fault.status,
    fault.reason ?? 'Scripted',
    fault.message ?? 'scripted',
    fault.details ?? {},
    headers,
  );
}

/** What an API server answers when it has waited in vain for an admission webhook. */
export function webhookTimedOut(fault: FakeFault & { kind: 'webhookTimeout' }): ApiFailure {
  const webhook = fault.webhook ?? 'webhook.pipeline.tekton.dev';
  const call = `failed to call webhook: Post "https://${webhook}.svc:443/?timeout=10s": context deadline exceeded`;
  return new ApiFailure(500, 'InternalError', `Internal error occurred: failed calling webhook "${webhook}": ${call}`);
}

export async function readBody(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
