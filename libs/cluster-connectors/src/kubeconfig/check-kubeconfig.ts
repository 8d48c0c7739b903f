import type { Issue } from '@image-factory/domain';
import { CLUSTER_RULES, CONTEXT_RULES, type KeyRule, TOP_RULES, USER_RULES } from './kubeconfig-rules.js';

/** One named entry with the texts that are allowed in it. */
export interface KubeconfigEntry {
  readonly path: string;
  readonly texts: ReadonlyMap<string, string>;
}

/** A kubeconfig of which only allowed texts are left. */
export interface CheckedKubeconfig {
  readonly currentContext: string | undefined;
  readonly clusters: ReadonlyMap<string, KubeconfigEntry>;
  readonly users: ReadonlyMap<string, KubeconfigEntry>;
  readonly contexts: ReadonlyMap<string, KubeconfigEntry>;
  readonly issues: readonly Issue[];
}

const MAX_ENTRIES = 200;

/** Checks every entry of the file, also those of other contexts, against the allow lists; names all refusals. */
export function checkKubeconfig(data: unknown): CheckedKubeconfig {
  const issues: Issue[] = [];
  const empty = new Map<string, KubeconfigEntry>();
  if (!isRecord(data)) {
    issues.push({ path: '', message: 'must be a mapping with clusters, users and contexts' });
    return { currentContext: undefined, clusters: empty, users: empty, contexts: empty, issues };
  }
  const top = checkKeys(data, '', TOP_RULES, issues);
  return {
    currentContext: top.get('current-context'),
    clusters: checkList(data['clusters'], 'clusters', 'cluster', CLUSTER_RULES, issues),
    users: checkList(data['users'], 'users', 'user', USER_RULES, issues),
    contexts: checkList(data['contexts'], 'contexts', 'context', CONTEXT_RULES, issues),
    issues,
  };
}

function checkList(
  list: unknown,
  path: string,
  inner: string,
  rules: Readonly<Record<string, KeyRule>>,
  issues: Issue[],
): Map<string, KubeconfigEntry> {
  const found = new Map<string, KubeconfigEntry>();
  if (list === undefined || list === null) return found;
  if (!Array.isArray(list) || list.length > MAX_ENTRIES) {
    issues.push({ path, message: `must be a list of at most ${MAX_ENTRIES} entries` });
    return found;
  }
  list.forEach((entry: unknown, index) => {
    const at = `${path}[${index}]`;
    if (!isRecord(entry)) {
      issues.push({ path: at, message: `must have name and ${inner}` });
      return;
    }
    for (const key of Object.keys(entry)) {
      if (key !== 'name' && key !== inner) issues.push({ path: `${at}.${key}`, message: 'is not a known field' });
    }
    const name = entry['name'];
    const body = entry[inner] ?? {};
    if (typeof name !== 'string' || name === '') issues.push({ path: `${at}.name`, message: 'must be a text' });
    else if (found.has(name)) issues.push({ path: `${at}.name`, message: 'is used twice' });
    if (!isRecord(body)) {
      issues.push({ path: `${at}.${inner}`, message: 'must be a mapping' });
      return;
    }
    const texts = checkKeys(body, `${at}.${inner}`, rules, issues);
    if (typeof name === 'string') found.set(name, { path: `${at}.${inner}`, texts });
  });
  return found;
}

function checkKeys(
  body: Readonly<Record<string, unknown>>,
  path: string,
  rules: Readonly<Record<string, KeyRule>>,
  issues: Issue[],
): Map<string, string> {
  const texts = new Map<string, string>();
  for (const [key, value] of Object.entries(body)) {
    const at = path === '' ? key : `${path}.${key}`;
    const rule = Object.hasOwn(rules, key) ? rules[key] : undefined;
    if (rule === undefined) {
      issues.push({ path: at, message: 'is not a known field' });
    } else if (typeof rule === 'object') {
      const message = 'refused' in rule ? rule.refused : value === false ? undefined : rule.refusedUnlessFalse;
      if (message !== undefined) issues.push({ path: at, message: `is refused: it ${message}` });
    } else if (rule === 'text' && value !== null && value !== undefined && value !== '') {
      if (typeof value === 'string') texts.set(key, value);
      else issues.push({ path: at, message: 'must be a text' });
    }
  }
  return texts;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
