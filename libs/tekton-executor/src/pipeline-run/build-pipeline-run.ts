import { createHash } from 'node:crypto';
import { parse } from 'yaml';
import type { Place, RenderContext, RenderedDocument } from '@image-factory/domain';
import { renderTemplate } from './pipeline-run-templates.js';
import { DOCUMENT_HASH_ANNOTATION, templateView } from './template-view.js';
import { verifyStructure } from './verify-structure.js';

/**
 * Renders the attempt's PipelineRun in phases: view (names, labels, values), template (YAML), parse, verify, hash. Pure:
 * equal arguments give equal bytes.
 * @throws DomainError InvalidInput BuildConfigInvalid with every issue; Internal PipelineRunInvalid
 */
export function buildPipelineRun(context: RenderContext, place: Place): RenderedDocument {
  const view = templateView(context, place);
  const parsed: unknown = parse(renderTemplate(context.buildMethod, view), { schema: 'core', maxAliasCount: 0 });
  verifyStructure(parsed, context.buildMethod, view);
  const document = JSON.stringify(withDocumentHash(parsed));
  return { document, hash: sha256(document), name: view.name };
}

/** The annotation names the document's content without itself, so that an adopter can compare what it finds. */
function withDocumentHash(parsed: unknown): unknown {
  const run = parsed as { metadata: { annotations: Record<string, string> } };
  const annotations = { ...run.metadata.annotations, [DOCUMENT_HASH_ANNOTATION]: sha256(JSON.stringify(parsed)) };
  return { ...run, metadata: { ...run.metadata, annotations } };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
