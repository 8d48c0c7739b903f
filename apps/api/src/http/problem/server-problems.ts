import { randomBytes } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { invalidInput } from '@image-factory/domain';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { pathOf } from '../request-scope.js';
import { PROBLEM_MEDIA_TYPE, toProblem } from './problem.js';

/** What Fastify refuses before it has a route, and so before hooks and filters: an address that does not decode. */
export function answerFrameworkError(
  error: Error & { readonly statusCode?: number },
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const status = error.statusCode === 414 ? 414 : 400;
  const message = status === 414 ? 'the address is too long' : 'the address is not a valid URL';
  void reply
    .code(status)
    .type(PROBLEM_MEDIA_TYPE)
    .send(problemText(status, message, pathOf(request)));
}

const CLIENT_ERRORS: Readonly<Record<string, { readonly status: number; readonly message: string }>> = {
  HPE_HEADER_OVERFLOW: { status: 431, message: 'the headers are larger than 16 KiB' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, message: 'the request was not sent in time' },
};

/** What Node refuses before there is a request: bytes that are no HTTP, headers that are too large, a client too slow. */
export function answerClientError(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (socket.writable) {
    const { status, message } = CLIENT_ERRORS[error.code ?? ''] ?? { status: 400, message: 'that is no HTTP request' };
    const body = problemText(status, message, '/');
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      `content-type: ${PROBLEM_MEDIA_TYPE}`,
      `content-length: ${Buffer.byteLength(body)}`,
      'connection: close',
    ];
    socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  }
  socket.destroy(error);
}

function problemText(status: number, message: string, instance: string): string {
  const problem = toProblem(invalidInput('ValidationFailed', message), instance, randomBytes(16).toString('hex'));
  return JSON.stringify({ ...problem, title: STATUS_CODES[status], status });
}
