import { invalidInput } from '@image-factory/domain';
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
      else {
        const problem = shapeProblem(body);
        if (problem === undefined) void parse(request, body, done);
        else done(invalidInput('MalformedJson', problem));
      }
    },
  );
}

/** No request of ours has more than a handful; what walks a body by recursion must not run out of stack. */
const MAX_DEPTH = 32;

/** Far more than any request of ours has: each one may become an issue, and finding them must not stop the process. */
const MAX_VALUES = 2_000;

/** What is wrong with the shape of a body: brackets and commas outside of texts are counted, without parsing. */
function shapeProblem(json: string): string | undefined {
  let depth = 0;
  let values = 1;
  let inText = false;
  for (let index = 0; index < json.length; index += 1) {
    const character = json[index];
    if (inText) {
      if (character === '\\') index += 1;
      else if (character === '"') inText = false;
    } else if (character === '"') inText = true;
    else if (character === ',') values += 1;
    else if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') depth -= 1;
    if (depth > MAX_DEPTH) return `the body is nested deeper than ${MAX_DEPTH} levels`;
    if (values > MAX_VALUES) return `the body has more than ${MAX_VALUES} values`;
  }
  return undefined;
}
