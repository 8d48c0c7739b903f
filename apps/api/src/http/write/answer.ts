import type { FastifyReply } from 'fastify';
import type { CreatedAnswer } from './idempotent-writes.js';

/** Sends what a creating use case answers, with its status and headers. */
export function sendCreated<T>(reply: FastifyReply, answer: CreatedAnswer<T>): T {
  void reply.code(answer.status).headers(answer.headers);
  return answer.body;
}
