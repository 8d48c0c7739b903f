import { createHash } from 'node:crypto';
import { parse } from 'yaml';
import type { Place, RenderContext, RenderedDocument } from '@image-factory/domain';
import { renderTemplate } from './pipeline-run-templates.js';
import { DOCUMENT_HASH_ANNOTATION, templateView } from './template-view.js';
import type { TemplateView } from './template-view.js';
import { VerifiedShapes } from './verified-shapes.js';
import { contractStructure, verifyStructure } from './verify-structure.js';

const shapes = new VerifiedShapes();

/**
 * Renders the attempt's PipelineRun in phases: view (names, labels, values), template (YAML), parse, verify, hash; what
 * has the shape of an earlier one takes the way from view to hash without the template. Pure: equal arguments give equal
 * bytes, by either way.
 * @throws DomainError InvalidInput BuildConfigInvalid with every issue; Internal PipelineRunInvalid
 */
export function buildPipelineRun(context: RenderContext, place: Place): RenderedDocument {
  const view = templateView(context, place);
  const contract = contractStructure(context.buildMethod, view);
  const run = shapes.document(context.buildMethod, contract, () => renderRun(context, view));
  const document = JSON.stringify(withDocumentHash(run));
  return { document, hash: sha256(document), name: view.name };
}

/** By the template, and compared with the contract. */
export function renderRun({ buildMethod }: RenderContext, view: TemplateView): unknown {
  const parsed: unknown = parse(renderTemplate(buildMethod, view), { schema: 'core', maxAliasCount: 0 });
  verifyStructure(parsed, buildMethod, view);
  return parsed;
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
