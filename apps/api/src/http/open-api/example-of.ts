import type { OpenAPIObject } from '@nestjs/swagger';

/** The parts of a schema that an example is made of. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly example?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly nullable?: boolean;
  readonly allOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

type Schemas = Readonly<Record<string, Schema>>;

const BY_FORMAT: Readonly<Record<string, string>> = {
  uuid: '01998e3c-7a40-7c11-8f52-0c3b9d6f2a10',
  'date-time': '2026-01-31T12:00:00.000Z',
};

/** A name means one thing in all of the API, so its example does too. */
const BY_NAME: Readonly<Record<string, unknown>> = {
  name: 'app',
  tenant_name: 'team-a',
  git_repository_url: 'https://git.example/team/app.git',
  git_branch: 'main',
  git_commit: '0123456789abcdef0123456789abcdef01234567',
  dockerfile_path: 'Dockerfile',
  build_context: '.',
  target: 'final',
  registry_repo: 'registry.example/team/app',
  repository: 'registry.example/team/app',
  cache_repo: 'registry.example/team/cache',
  packer_template: 'image.pkr.hcl',
  tags: ['1.4.0', 'latest'],
  digest: 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  image_digest: 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  created_by: 'user:ci',
  granted_by: 'user:admin',
  actor: 'user:ci',
  key: 'ifk_<43 characters, shown once>',
  fingerprint: 'hmac:0a1b2c3d4e5f',
  namespace: 'image-factory-0c3b9d6f',
  host: 'dispatcher-0',
  version: '0.1.0',
  action: 'project.change',
  object_type: 'project',
  trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
};

/** Gives every JSON body of every operation an example that is made of its schema. */
export function addExamples(document: OpenAPIObject): void {
  const schemas = (document.components?.schemas ?? {}) as Schemas;
  for (const item of Object.values(document.paths)) {
    for (const operation of [item.get, item.post, item.patch, item.delete]) {
      if (operation === undefined) continue;
      const bodies = [operation.requestBody, ...Object.values(operation.responses)];
      for (const body of bodies) {
        if (body === undefined || '$ref' in body) continue;
        for (const [mediaType, media] of Object.entries(body.content ?? {})) {
          if (!mediaType.endsWith('json') || media.schema === undefined || media.example !== undefined) continue;
          media.example = exampleOf(media.schema as Schema, schemas, body === operation.requestBody);
        }
      }
    }
  }
}

/** Requests show what is required or has an example of its own; answers show everything. */
function exampleOf(schema: Schema, schemas: Schemas, request: boolean): unknown {
  if (schema.example !== undefined) return schema.example;
  const inner = schema.$ref ?? schema.allOf?.[0]?.$ref;
  if (inner !== undefined) return exampleOf(schemas[inner.split('/').at(-1) ?? ''] ?? {}, schemas, request);
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.type === 'array') return request ? [] : [exampleOf(schema.items ?? {}, schemas, request)];
  if (schema.type === 'object') return objectExample(schema, schemas, request);
  return scalarExample(schema);
}

function objectExample(schema: Schema, schemas: Schemas, request: boolean): Record<string, unknown> {
  const shown = Object.entries(schema.properties ?? {}).filter(
    ([name, property]) => !request || property.example !== undefined || schema.required?.includes(name) === true,
  );
  return Object.fromEntries(shown.map(([name, property]) => [name, propertyExample(name, property, schemas, request)]));
}

function propertyExample(name: string, property: Schema, schemas: Schemas, request: boolean): unknown {
  const named = property.enum === undefined && property.format === undefined ? BY_NAME[name] : undefined;
  const fits = property.type === (Array.isArray(named) ? 'array' : typeof named);
  return property.example === undefined && fits ? named : exampleOf(property, schemas, request);
}

function scalarExample(schema: Schema): unknown {
  if (schema.type === 'integer' || schema.type === 'number') return Math.max(1, schema.minimum ?? 1);
  if (schema.type === 'boolean') return true;
  if (schema.nullable === true && schema.format === undefined) return null;
  return BY_FORMAT[schema.format ?? ''] ?? 'text';
}
