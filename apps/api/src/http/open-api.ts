import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { API_BASE } from '../access/route-table.js';

/** Serves the OpenAPI document and a page to read it. */
export function serveOpenApi(app: NestFastifyApplication, version: string): void {
  const config = new DocumentBuilder()
    .setTitle('Image Factory')
    .setDescription(
      'Builds container and VM images. Errors are application/problem+json (RFC 9457) with `code` from a closed list ' +
        'and every wrong field in `errors`. Lists take `limit` and `cursor` and answer `items` and `next_cursor`.',
    )
    .setVersion(version)
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An API key' })
    .build();
  SwaggerModule.setup('docs', app, () => SwaggerModule.createDocument(app, config), {
    jsonDocumentUrl: `${API_BASE}/openapi.json`,
    yamlDocumentUrl: `${API_BASE}/openapi.yaml`,
    customSiteTitle: 'Image Factory API',
  });
}
