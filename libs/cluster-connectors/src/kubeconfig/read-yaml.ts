import { invalidInput } from '@image-factory/domain';
import { isAlias, isScalar, parseAllDocuments, visit } from 'yaml';

/** Kubeconfigs are a few KiB; with many inlined certificates some tens. */
export const MAX_KUBECONFIG_BYTES = 256 * 1024;
const MAX_DEPTH = 12;
/** Lines, colons and commas: 200 clusters have fewer. The parser's time grows with the square of the keys. */
const MAX_PARTS = 4_000;

/**
 * The one YAML (or JSON) document of a text, as plain data: no aliases or anchors, no tags, no merge keys, no duplicate
 * keys, bounded size and depth.
 * @throws DomainError InvalidInput KubeconfigInvalid
 */
export function readYaml(text: string): unknown {
  if (Buffer.byteLength(text, 'utf8') > MAX_KUBECONFIG_BYTES) {
    throw invalidInput('KubeconfigInvalid', `The kubeconfig is larger than ${MAX_KUBECONFIG_BYTES / 1024} KiB.`);
  }
  if ((text.match(/[\n\r,:]/g)?.length ?? 0) > MAX_PARTS) {
    throw invalidInput(
      'KubeconfigInvalid',
      'The kubeconfig has too many lines or entries; give one context with `kubectl config view --minify --flatten`.',
    );
  }
  if (nesting(text) > MAX_DEPTH) throw invalidInput('KubeconfigInvalid', 'The kubeconfig is nested too deeply.');
  const documents = parseAllDocuments(text, { schema: 'core', merge: false, uniqueKeys: true, logLevel: 'silent' });
  const first = Array.isArray(documents) ? documents[0] : undefined;
  if (first === undefined || documents.length !== 1) {
    throw invalidInput('KubeconfigInvalid', 'The kubeconfig must be exactly one YAML document.');
  }
  const error = first.errors[0] ?? first.warnings[0];
  if (error !== undefined) {
    const at = error.linePos?.[0];
    const where = at === undefined ? '' : ` (line ${at.line}, column ${at.col})`;
    throw invalidInput('KubeconfigInvalid', `The kubeconfig is not valid YAML${where}: ${error.code}.`);
  }
  visit(first, (_key, node) => {
    const anchored = typeof node === 'object' && node !== null && 'anchor' in node && node.anchor !== undefined;
    if (isAlias(node) || anchored) {
      throw invalidInput('KubeconfigInvalid', 'The kubeconfig uses YAML anchors or aliases, which are refused.');
    }
    const tagged = typeof node === 'object' && node !== null && 'tag' in node && typeof node.tag === 'string';
    if (tagged && !(isScalar(node) && (node.tag as string).startsWith('tag:yaml.org,2002:'))) {
      throw invalidInput('KubeconfigInvalid', 'The kubeconfig uses YAML tags, which are refused.');
    }
  });
  return first.toJS({ maxAliasCount: 0 }) as unknown;
}

/** Deepest nesting of flow brackets or indentation steps: a bound before the parser, which recurses. */
function nesting(text: string): number {
  let open = 0;
  let deepest = 0;
  for (const character of text) {
    if (character === '[' || character === '{') deepest = Math.max(deepest, (open += 1));
    else if (character === ']' || character === '}') open = Math.max(0, open - 1);
  }
  for (const line of text.split('\n')) {
    const indicators = /^\s*(?:[-?:]\s+)*/.exec(line)?.[0] ?? '';
    deepest = Math.max(deepest, indicators.split(/[-?:]/).length - 1);
  }
  return deepest;
}
