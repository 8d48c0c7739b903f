import { isAlias, isNode, isScalar, LineCounter, type Node, parseAllDocuments, visit } from 'yaml';
import type { ClusterConfig, DeclaredCluster, DeclaredSettings, ParsedClusterConfig } from './cluster-config.js';
import { ConfigMap, ConfigProblems } from './config-map.js';
import type { PathRules } from './read-auth.js';
import { readCluster } from './read-cluster.js';

/** Larger is no list of clusters. */
export const MAX_CONFIG_BYTES = 1024 * 1024;
const MAX_CLUSTERS = 2_000;
const MAX_DEPTH = 12;
const KEYS = ['default_cluster', 'connection_pool', 'health_check', 'clusters'] as const;

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;
const DEFAULT_INTERVAL_MS = 30_000;
const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * Understands the YAML file of the connectivity guide (`kubernetes.default_cluster`, `connection_pool`, `health_check`,
 * `clusters[]`) by product.md's mapping tables. Pure: no file that it names is read. Never throws: whatever is wrong is
 * reported, all at once, each with its line.
 */
export function parseClusterConfig(text: string, rules: PathRules): ParsedClusterConfig {
  const lines = new LineCounter();
  const problems = new ConfigProblems(lines);
  const root = readDocument(text, lines, problems);
  const config = root === undefined ? undefined : readRoot(root, problems, rules);
  const found = problems.sorted();
  return found.length > 0 || config === undefined ? { kind: 'invalid', problems: found } : { kind: 'valid', config };
}

/** The one document of the text, as nodes; undefined when nothing further can be said of it. */
function readDocument(text: string, lines: LineCounter, problems: ConfigProblems): Node | undefined {
  if (Buffer.byteLength(text, 'utf8') > MAX_CONFIG_BYTES) return refuse(problems, 0, 'is larger than 1 MiB');
  const deep = tooDeep(text);
  if (deep !== undefined) return refuse(problems, deep, 'is nested too deeply');
  const options = { schema: 'core', merge: false, uniqueKeys: true, logLevel: 'silent', lineCounter: lines } as const;
  const documents = parseAllDocuments(text, options);
  const [document, second] = Array.isArray(documents) ? documents : [];
  if (document?.contents == null && (document?.errors.length ?? 0) === 0) {
    return refuse(problems, 0, 'is empty; it begins with the key kubernetes');
  }
  if (document === undefined) return undefined;
  if (second !== undefined) problems.addAt(second.range[0], '', 'a second document begins; there must be one');
  const warnings = document.warnings.filter((warning) => warning.code !== 'TAG_RESOLVE_FAILED');
  for (const error of [...document.errors, ...warnings]) {
    const said =
      error.code === 'DUPLICATE_KEY' ? 'the key is there twice' : `is not valid YAML: ${firstLine(error.message)}`;
    problems.addAt(error.pos[0], '', said);
  }
  const broken = document.errors.some((error) => error.code !== 'DUPLICATE_KEY');
  const indirect = refuseIndirect(document.contents as Node, problems);
  return broken || indirect ? undefined : (document.contents as Node);
}

function refuse(problems: ConfigProblems, offset: number, message: string): undefined {
  problems.addAt(offset, '', message);
  return undefined;
}

function firstLine(message: string): string {
  return (message.split('\n', 1)[0] ?? '').replace(/ at line \d+, column \d+:?$/, '');
}

/** Offset of the first place that is deeper than any configuration is; the parser recurses. */
function tooDeep(text: string): number | undefined {
  let open = 0;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (character === '[' || character === '{') open += 1;
    else if (character === ']' || character === '}') open = Math.max(0, open - 1);
    if (open > MAX_DEPTH) return index;
  }
  let offset = 0;
  for (const line of text.split('\n')) {
    const indicators = /^\s*(?:[-?:]\s+)*/.exec(line)?.[0] ?? '';
    if (indicators.split(/[-?:]/).length - 1 > MAX_DEPTH) return offset;
    offset += line.length + 1;
  }
  return undefined;
}

/** Anchors, aliases and tags say elsewhere, or otherwise, what a reader sees: a file that decides over clusters has none. */
function refuseIndirect(root: Node, problems: ConfigProblems): boolean {
  let found = false;
  visit(root, (_key, node) => {
    if (!isNode(node)) return;
    const anchored = isAlias(node) || node.anchor !== undefined;
    const tagged = typeof node.tag === 'string';
    if (anchored) problems.add(node, '', 'anchors and aliases are not used here; write the value out');
    if (tagged) problems.add(node, '', 'tags are not used here');
    found ||= anchored || tagged;
  });
  return found;
}

function readRoot(node: Node, problems: ConfigProblems, rules: PathRules): ClusterConfig | undefined {
  const root = ConfigMap.of(node, '', problems);
  root?.refuseUnknown(['kubernetes']);
  if (root !== undefined && !root.has('kubernetes')) root.problem('kubernetes', 'is missing');
  const kubernetes = root?.submap('kubernetes');
  if (kubernetes === undefined) return undefined;
  kubernetes.refuseUnknown(KEYS);
  const settings = readSettings(kubernetes);
  const entries = readEntries(kubernetes);
  const clusters = entries.map((entry) => readCluster(entry, rules)).filter((cluster) => cluster !== undefined);
  refuseTwice(entries);
  return { settings, clusters: withDefault(kubernetes, entries, clusters) };
}

function readSettings(kubernetes: ConfigMap): DeclaredSettings {
  const pool = kubernetes.submap('connection_pool');
  pool?.refuseUnknown(['max_idle', 'max_clients']);
  const health = kubernetes.submap('health_check');
  health?.refuseUnknown(['interval', 'timeout']);
  const healthIntervalMs = health?.duration('interval', SECOND_MS, HOUR_MS, 'from 1s to 1h');
  const healthTimeoutMs = health?.duration('timeout', 100, 600_000, 'from 100ms to 10m');
  if ((healthTimeoutMs ?? DEFAULT_TIMEOUT_MS) >= (healthIntervalMs ?? DEFAULT_INTERVAL_MS)) {
    const key = healthTimeoutMs === undefined ? 'interval' : 'timeout';
    health?.problem(key, key === 'timeout' ? 'must be shorter than interval' : 'must be longer than timeout (10s)');
  }
  return {
    maxIdleMs: pool?.duration('max_idle', SECOND_MS, 24 * HOUR_MS, 'from 1s to 24h'),
    maxClients: pool?.integer('max_clients', 1, 10_000),
    healthIntervalMs,
    healthTimeoutMs,
  };
}

function readEntries(kubernetes: ConfigMap): ConfigMap[] {
  if (!kubernetes.has('clusters')) kubernetes.problem('clusters', 'is missing; an empty list is written []');
  const items = kubernetes.list('clusters');
  if (items.length > MAX_CLUSTERS) kubernetes.problem('clusters', `must have at most ${MAX_CLUSTERS} entries`);
  return items.slice(0, MAX_CLUSTERS).flatMap((item, index) => {
    const path = `kubernetes.clusters[${index}]`;
    return ConfigMap.of(item, path, kubernetes.problems, kubernetes.node('clusters')) ?? [];
  });
}

/** Names are compared as the database does: without regard to case. */
function refuseTwice(entries: readonly ConfigMap[]): void {
  const firstLines = new Map<string, number>();
  for (const entry of entries) {
    const name = nameOf(entry);
    if (name === '') continue;
    const first = firstLines.get(name.toLowerCase());
    if (first === undefined) firstLines.set(name.toLowerCase(), entry.problems.lineOf(entry.node('name')));
    else entry.problem('name', `"${name}" is the name of the cluster in line ${first} too`);
  }
}

/** At most one default, named by `default_cluster` or marked by `default: true`, and it is one of the clusters. */
function withDefault(
  kubernetes: ConfigMap,
  entries: readonly ConfigMap[],
  clusters: readonly DeclaredCluster[],
): readonly DeclaredCluster[] {
  const [marked, ...others] = entries.filter(isMarked);
  for (const other of others) {
    other.problem('default', `is true for ${nameOf(marked)} too; one cluster is the default`);
  }
  const name = kubernetes.text('default_cluster');
  if (name === undefined) return clusters;
  if (!entries.some((entry) => nameOf(entry) === name)) {
    kubernetes.problem('default_cluster', `"${name}" is not the name of one of the clusters`);
  } else if (marked !== undefined && nameOf(marked) !== name) {
    kubernetes.problem('default_cluster', `names ${name}, but default is true for ${nameOf(marked)}`);
  } else if (clusters.some((cluster) => cluster.name === name && cluster.type === 'local')) {
    kubernetes.problem('default_cluster', 'must not name the host; grant it to tenants instead');
  }
  return clusters.map((cluster) => ({ ...cluster, isDefault: cluster.name === name }));
}

function isMarked(entry: ConfigMap): boolean {
  const node = entry.has('default') ? entry.node('default') : undefined;
  return isScalar(node) && node.value === true;
}

function nameOf(entry: ConfigMap | undefined): string {
  const node = entry?.has('name') === true ? entry.node('name') : undefined;
  return isScalar(node) && typeof node.value === 'string' ? node.value : '';
}
