import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { API_BASE } from '../../access/route-table.js';
import { describeOperations, problemResponses } from './describe-operations.js';
import { addExamples } from './example-of.js';
import { closeRequests, PROBLEM_SCHEMAS } from './problem-schema.js';

/** Name of the one security scheme. */
export const SECURITY_SCHEME = 'bearer';

const DESCRIPTION =
  'Builds container and VM images. Errors are application/problem+json (RFC 9457) with `code` from a closed list ' +
  'and every wrong field in `errors`. Lists take `limit` and `cursor` and answer `items` and `next_cursor`.';

/** Serves the OpenAPI document and a page to read it, whose parts are all served here. */
export function serveOpenApi(app: NestFastifyApplication, version: string): void {
  SwaggerModule.setup('docs', app, () => makeDocument(app, version), {
    jsonDocumentUrl: `${API_BASE}/openapi.json`,
    yamlDocumentUrl: `${API_BASE}/openapi.yaml`,
    customSiteTitle: 'Image Factory API',
  });
}

/** What controllers say of themselves, and what all routes of the table have in common. */
function makeDocument(app: NestFastifyApplication, version: string): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle('Image Factory')
    .setDescription(DESCRIPTION)
    .setVersion(version)
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addServer('/', 'This server')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An API key: `ifk_…`' }, SECURITY_SCHEME)
    .build();
  const document = SwaggerModule.createDocument(app, config);
  const schemas = { ...document.components?.schemas, ...PROBLEM_SCHEMAS };
  document.components = { ...document.components, schemas: closeRequests(schemas), responses: problemResponses() };
  describeOperations(document);
  addExamples(document);
  return document;
}
