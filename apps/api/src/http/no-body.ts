import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { isPlainObject, refuseIssues } from './validation/validate-request.js';

/**
 * For a route that takes no body: an empty one or `{}` is fine, fields are refused as everywhere.
 * The value of the parameter is `undefined`.
 */
export const NoBody = createParamDecorator((_data: unknown, context: ExecutionContext): undefined => {
  const sent: unknown = context.switchToHttp().getRequest<FastifyRequest>().body;
  const body = sent === undefined ? {} : sent;
  if (!isPlainObject(body)) refuseIssues([{ path: '', message: 'must be absent, or an empty JSON object' }]);
  else refuseIssues(Object.keys(body).map((path) => ({ path, message: 'is not a field of this request' })));
  return undefined;
});
