import { REASONS } from '@image-factory/domain';
import type { OpenAPIObject } from '@nestjs/swagger';

type Schemas = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>;

/** Body of every error, for the document; its issues are the answer of `builds/validate` too. */
export const PROBLEM_SCHEMAS: Schemas = {
  Problem: {
    type: 'object',
    description: 'RFC 9457',
    required: ['type', 'title', 'status', 'detail', 'instance', 'code', 'trace_id'],
    properties: {
      type: { type: 'string', example: 'urn:image-factory:problem:ValidationFailed' },
      title: { type: 'string', example: 'The request is not valid' },
      status: { type: 'integer', example: 400 },
      detail: { type: 'string', example: 'the request is not valid: one field is wrong, see errors' },
      instance: { type: 'string', description: 'Path of the request', example: '/api/v1/builds' },
      code: { type: 'string', enum: [...REASONS] },
      trace_id: { type: 'string', pattern: '^[0-9a-f]{32}$', example: '4bf92f3577b34da6a3ce929d0e0e4736' },
      errors: { type: 'array', items: { $ref: '#/components/schemas/IssueResponse' } },
    },
  },
};

/** Unknown fields are errors in every request. */
export function closeRequests(schemas: Schemas): Schemas {
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => [
      name,
      name.endsWith('Request') ? { ...schema, additionalProperties: false } : schema,
    ]),
  );
}
