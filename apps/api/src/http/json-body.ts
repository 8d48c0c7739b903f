import type { FastifyInstance } from 'fastify';

/** Bytes of the largest body. */
export const BODY_LIMIT_BYTES = 1024 * 1024;

/**
 * JSON is the only body that is read; every other type is refused with 415. An empty one is no body: clients send the
 * header with POSTs that have none. Keys that would reach a prototype are refused by the parser.
 */
export function acceptOnlyJson(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  const parse = server.getDefaultJsonParser('error', 'error');
  server.addContentTypeParser(
    'application/json',
    { parseAs: 'string', bodyLimit: BODY_LIMIT_BYTES },
    (request, body: string, done) => {
      if (body.trim() === '') done(null, undefined);
      else void parse(request, body, done);
    },
  );
}
