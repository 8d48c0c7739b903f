import { ApiFailure, badRequest, conflict } from './api-status.js';
import type { FakeObject } from './fake-object.js';

/** RFC 7396: null removes, mappings merge, everything else replaces. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const result: Record<string, unknown> = isRecord(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

interface JsonPatchStep {
  readonly op: string;
  readonly path: string;
  readonly value?: unknown;
}

/** The operations of RFC 6902 that Kubernetes clients use: add, replace, remove, test. */
export function jsonPatch(target: FakeObject, steps: readonly JsonPatchStep[]): FakeObject {
  const root = structuredClone(target) as Record<string, unknown>;
  for (const step of steps) {
    const parts = step.path
      .split('/')
      .slice(1)
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = parts.pop() ?? '';
    let parent: unknown = root;
    for (const part of parts) parent = (parent as Record<string, unknown> | undefined)?.[part];
    if (typeof parent !== 'object' || parent === null)
      throw new ApiFailure(422, 'Invalid', `the path ${step.path} does not exist`);
    applyStep(parent as Record<string, unknown>, last, step);
  }
  return root as FakeObject;
}

function applyStep(parent: Record<string, unknown>, key: string, step: JsonPatchStep): void {
  if (step.op === 'remove') {
    if (Array.isArray(parent)) parent.splice(Number(key), 1);
    else delete parent[key];
  } else if (step.op === 'test') {
    if (JSON.stringify(parent[key]) !== JSON.stringify(step.value))
      throw new ApiFailure(422, 'Invalid', 'testing value failed');
  } else if (Array.isArray(parent) && step.op === 'add') {
    parent.splice(key === '-' ? parent.length : Number(key), 0, step.value);
  } else if (step.op === 'add' || step.op === 'replace') {
    parent[key] = step.value;
  } else {
    throw badRequest(`unknown operation ${step.op}`);
  }
}

/** The object after a patch of this content type. Custom resources take no strategic merge, as on a real server. */
export function applyPatch(current: FakeObject, body: unknown, contentType: string, custom: boolean): FakeObject {
  const type = contentType.split(';')[0]?.trim();
  if (type === 'application/json-patch+json') return jsonPatch(current, body as JsonPatchStep[]);
  const known = type === 'application/merge-patch+json' || type === 'application/apply-patch+yaml';
  if (!known && !(type === 'application/strategic-merge-patch+json' && !custom)) {
    throw new ApiFailure(
      415,
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - ${type ?? ''}`,
    );
  }
  const wanted = (body as FakeObject).metadata?.resourceVersion;
  if (wanted !== undefined && wanted !== current.metadata.resourceVersion) {
    throw conflict(current.kind ?? '', current.metadata.name, 'the object has been modified');
  }
  return mergePatch(current, body) as FakeObject;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
