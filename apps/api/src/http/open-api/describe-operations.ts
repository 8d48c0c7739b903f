import type { OpenAPIObject } from '@nestjs/swagger';
import { ROUTES, type RouteRule } from '../../access/route-table.js';
import { PROBLEM_MEDIA_TYPE } from '../problem/problem.js';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;
type Parameter = Exclude<NonNullable<Operation['parameters']>[number], { $ref: string }>;
type RequestBody = Exclude<NonNullable<Operation['requestBody']>, { $ref: string }>;
type Schemas = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>;
type Response = Exclude<NonNullable<Operation['responses'][string]>, { $ref: string }>;

const TENANT_HEADER: Parameter = {
  name: 'X-Tenant-ID',
  in: 'header',
  required: true,
  description: 'The tenant that the request is about',
  schema: { type: 'string', format: 'uuid' },
};
const IDEMPOTENCY_HEADER: Parameter = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'The same key and body get the first answer again, for 24 hours',
  schema: { type: 'string', minLength: 1, maxLength: 200, pattern: '^[!-~]+$' },
};
const IF_MATCH_HEADER: Parameter = {
  name: 'If-Match',
  in: 'header',
  required: false,
  description: 'ETag of the object as it was read: it is changed only if it still is that',
  schema: { type: 'string' },
};

const PROBLEMS: Readonly<Record<number, string>> = {
  400: 'Something in the request is not valid: `errors` names all of it',
  401: 'No valid API key',
  403: 'The role of the key lacks the permission',
  404: 'Not there, or of another tenant',
  409: 'Conflicts with the present state: `code` says how',
  412: 'The object has changed since it was read',
  413: 'The body is larger than 1 MiB',
  415: 'The body is not application/json',
  422: 'This Idempotency-Key was used for another request',
  429: 'Too many requests, open streams or queued builds; `Retry-After` says when to come back',
  500: 'A fault of ours: the log has it under `trace_id`',
  503: 'The database or a cluster cannot be reached now',
};

/** Gives every operation what all routes of its kind have: headers, problems, security. */
export function describeOperations(document: OpenAPIObject): void {
  const schemas = document.components?.schemas ?? {};
  for (const rule of ROUTES) {
    const item = document.paths[rule.path.replace(/:(\w+)/g, '{$1}')];
    const operation = item?.[rule.method.toLowerCase() as 'get'];
    if (operation === undefined) continue;
    if (rule.permission === 'public') operation.security = [];
    else describe(rule, operation, schemas);
  }
}

function describe(rule: RouteRule, operation: Operation, schemas: Schemas): void {
  const body = operation.requestBody;
  // Where no field is required the body may be left out as a whole.
  if (body !== undefined && !('$ref' in body)) body.required = needsBody(body, schemas);
  const creates = '201' in operation.responses;
  const compares = isCompared(rule);
  const added = [
    ...(rule.scope === 'tenant' ? [TENANT_HEADER] : []),
    ...(creates ? [IDEMPOTENCY_HEADER] : []),
    ...(compares && rule.method !== 'GET' ? [IF_MATCH_HEADER] : []),
  ];
  operation.parameters = [...(operation.parameters ?? []).map(idsAreUuids), ...added];
  for (const status of problemsOf(rule, operation, compares)) {
    operation.responses[status] = { $ref: `#/components/responses/Problem${status}` };
  }
  for (const [status, response] of Object.entries(operation.responses)) {
    if (response === undefined || '$ref' in response) continue;
    const headers = headersOf(Number(status), compares && rule.method !== 'DELETE');
    if (Object.keys(headers).length > 0) response.headers = { ...response.headers, ...headers };
    if (response.description === '') response.description = operation.summary ?? 'Done';
  }
}

function needsBody(body: RequestBody, schemas: Schemas): boolean {
  const schema = body.content['application/json']?.schema;
  if (schema === undefined || !('$ref' in schema)) return true;
  const named = schemas[schema.$ref.split('/').at(-1) ?? ''];
  return named === undefined || '$ref' in named || (named.required?.length ?? 0) > 0;
}

/** Projects and providers have an ETag, and what changes them honours If-Match. */
function isCompared(rule: RouteRule): boolean {
  return /\/(?:projects|providers)\/:id(?:\/status)?$/.test(rule.path);
}

function idsAreUuids(parameter: NonNullable<Operation['parameters']>[number]): typeof parameter {
  if ('$ref' in parameter || parameter.in !== 'path') return parameter;
  return { ...parameter, schema: { type: 'string', format: 'uuid' } };
}

function problemsOf(rule: RouteRule, operation: Operation, compares: boolean): number[] {
  const writes = rule.method !== 'GET';
  return [
    400,
    401,
    ...(rule.permission === 'authenticated' ? [] : [403]),
    ...(rule.scope === 'tenant' || rule.path.includes(':') ? [404] : []),
    ...(writes ? [409, 413, 415] : []),
    ...(writes && compares ? [412] : []),
    ...('201' in operation.responses ? [422] : []),
    429,
    500,
    503,
  ];
}

/** The problems by status, for the document's components: operations refer to them. */
export function problemResponses(): Record<string, Response> {
  return Object.fromEntries(
    Object.entries(PROBLEMS).map(([status, description]) => [
      `Problem${status}`,
      {
        description,
        headers: problemHeaders(Number(status)),
        content: { [PROBLEM_MEDIA_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]),
  );
}

const TEXT = { type: 'string' } as const;

function problemHeaders(status: number): NonNullable<Response['headers']> {
  if (status === 401) return { 'WWW-Authenticate': { schema: TEXT } };
  return status === 429 || status === 503
    ? { 'Retry-After': { description: 'Seconds', schema: { type: 'integer' } } }
    : {};
}

function headersOf(status: number, hasEtag: boolean): NonNullable<Response['headers']> {
  return {
    ...(status === 201 ? { Location: { description: 'Address of what was made', schema: TEXT } } : {}),
    ...(hasEtag && status < 300 ? { ETag: { description: 'For If-Match', schema: TEXT } } : {}),
  };
}
