import { type ArgumentsHost, Catch, type ExceptionFilter, Inject } from '@nestjs/common';
import type { DomainError } from '@image-factory/domain';
import { Logger } from '@image-factory/telemetry';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { otherMethods } from '../../access/route-table.js';
import { PROBLEM_MEDIA_TYPE, statusOf, toProblem } from './problem.js';
import { pathOf } from '../request-scope.js';
import { methodNotAllowed } from './method-not-allowed.js';
import { toDomainError } from './to-domain-error.js';

/** The one place where an error becomes an answer. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(@Inject(Logger) private readonly logger: Logger) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(thrown, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  /** Also used for errors that Fastify meets outside of Nest's handlers. */
  answer(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
    let error = toDomainError(thrown);
    const path = pathOf(request);
    // Methods that Fastify does not know at all fail before they find no route.
    if (error.reason === 'RouteNotFound' || request.routeOptions.url === undefined) {
      const allowed = otherMethods(path, request.method);
      if (allowed.length > 0) {
        error = methodNotAllowed(request.method, allowed);
        void reply.header('allow', allowed.join(', '));
      }
    }
    this.log(error, request);
    if (reply.sent || reply.raw.headersSent) {
      reply.raw.destroy();
      return;
    }
    if (error.kind === 'Unauthenticated') void reply.header('www-authenticate', 'Bearer realm="image-factory"');
    if (error.retryAfterSeconds !== undefined) void reply.header('retry-after', String(error.retryAfterSeconds));
    const problem = toProblem(error, path, request.traceId);
    void reply.code(problem.status).type(PROBLEM_MEDIA_TYPE).send(JSON.stringify(problem));
  }

  private log(error: DomainError, request: FastifyRequest): void {
    const fields = { traceId: request.traceId, method: request.method, path: pathOf(request), reason: error.reason };
    if (statusOf(error) >= 500) this.logger.error('request failed', { ...fields, error });
    else this.logger.debug('request refused', { ...fields, status: statusOf(error) });
  }
}
