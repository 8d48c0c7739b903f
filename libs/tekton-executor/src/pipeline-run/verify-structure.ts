import { BUILD_METHOD_TABLE, DomainError } from '@image-factory/domain';
import type { BuildMethod } from '@image-factory/domain';
import { DOCUMENT_HASH_ANNOTATION } from './template-view.js';
import type { TemplateView } from './template-view.js';

/** Params of the `build` task by method → the run's parameter that each refers to. */
const IMAGE_PARAMS = {
  IMAGE: 'image',
  DOCKERFILE: 'dockerfile',
  CONTEXT: 'context',
  TARGET: 'target',
  BUILD_ARGS: 'build-args',
  CACHE_REPO: 'cache-repo',
  INSECURE_REGISTRY: 'insecure-registry',
} as const;

const BUILD_PARAMS: Readonly<Record<BuildMethod, Readonly<Record<string, string>>>> = {
  docker: IMAGE_PARAMS,
  kaniko: IMAGE_PARAMS,
  buildx: { ...IMAGE_PARAMS, PLATFORMS: 'platforms' },
  packer: { TEMPLATE: 'template', CONTEXT: 'context', VARIABLES: 'variables' },
};

const RESULTS: Readonly<Record<BuildMethod, Readonly<Record<string, string>>>> = {
  docker: { commit: 'clone', IMAGE_URL: 'build', IMAGE_DIGEST: 'build' },
  buildx: { commit: 'clone', IMAGE_URL: 'build', IMAGE_DIGEST: 'build' },
  kaniko: { commit: 'clone', IMAGE_URL: 'build', IMAGE_DIGEST: 'build' },
  packer: { commit: 'clone', MANIFEST: 'build' },
};

/**
 * The whole structure that a run of `method` must have, made from the contract and not from the template: what a
 * rendered document is compared with. Only the values of parameters, names and labels come from the view.
 */
export function contractStructure(method: BuildMethod, view: TemplateView): unknown {
  return {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: { name: view.name, namespace: view.namespace, labels: view.labels, annotations: view.annotations },
    spec: {
      taskRunTemplate: {
        serviceAccountName: view.serviceAccountName,
        podTemplate: {
          automountServiceAccountToken: false,
          ...(view.affinity === undefined ? {} : { affinity: view.affinity }),
        },
      },
      ...(view.computeResources === undefined
        ? {}
        : { taskRunSpecs: [{ pipelineTaskName: 'build', computeResources: view.computeResources }] }),
      timeouts: { pipeline: view.pipelineTimeout },
      workspaces: workspaceBindings(view),
      params: Object.entries(view.params).map(([name, value]) => ({ name, value })),
      pipelineSpec: pipelineSpec(method, view),
    },
  };
}

function workspaceBindings(view: TemplateView): unknown[] {
  const secret = (keys: readonly string[]): unknown => ({
    secretName: view.secretName,
    items: keys.map((key) => ({ key, path: key })),
  });
  const claim = {
    accessModes: ['ReadWriteOnce'],
    ...(view.storageClass === undefined ? {} : { storageClassName: view.storageClass }),
    resources: { requests: { storage: view.workspaceSize } },
  };
  return [
    { name: 'source', volumeClaimTemplate: { spec: claim } },
    { name: 'dockerconfig', secret: secret(['config.json']) },
    ...(view.hasGitCredential ? [{ name: 'git-credentials', secret: secret(view.gitCredentialKeys) }] : []),
  ];
}

function pipelineSpec(method: BuildMethod, view: TemplateView): unknown {
  const reference = (param: string): unknown =>
    Array.isArray(view.params[param]) ? [`$(params.${param}[*])`] : `$(params.${param})`;
  const optional = <T>(value: T): T[] => (view.hasGitCredential ? [value] : []);
  return {
    workspaces: [{ name: 'source' }, { name: 'dockerconfig' }, ...optional({ name: 'git-credentials' })],
    params: Object.entries(view.params).map(([name, value]) => ({
      name,
      type: Array.isArray(value) ? 'array' : 'string',
    })),
    tasks: [
      {
        name: 'clone',
        taskRef: { kind: 'Task', name: 'git-clone' },
        timeout: view.pipelineTimeout,
        params: [
          { name: 'url', value: '$(params.url)' },
          { name: 'revision', value: '$(params.revision)' },
          { name: 'depth', value: '1' },
          { name: 'submodules', value: 'false' },
        ],
        workspaces: [
          { name: 'output', workspace: 'source' },
          ...optional({ name: 'credentials', workspace: 'git-credentials' }),
        ],
      },
      {
        name: 'build',
        runAfter: ['clone'],
        taskRef: { kind: 'Task', name: BUILD_METHOD_TABLE[method].taskName },
        timeout: view.pipelineTimeout,
        params: Object.entries(BUILD_PARAMS[method]).map(([name, param]) => ({ name, value: reference(param) })),
        workspaces: [
          { name: 'source', workspace: 'source' },
          { name: 'dockerconfig', workspace: 'dockerconfig' },
        ],
      },
    ],
    results: Object.entries(RESULTS[method]).map(([name, task]) => ({
      name,
      value: `$(tasks.${task}.results.${name})`,
    })),
  };
}

/**
 * Compares a parsed document with the contract: same keys, same types, same values, nothing else.
 * @throws DomainError Internal PipelineRunInvalid naming the first place that differs
 */
export function verifyStructure(parsed: unknown, method: BuildMethod, view: TemplateView): void {
  const difference = firstDifference(parsed, contractStructure(method, view), '$');
  if (difference !== undefined) {
    throw new DomainError({
      kind: 'Internal',
      reason: 'PipelineRunInvalid',
      message: `The template of method ${method} does not render the contract's PipelineRun: ${difference} differs. This is a fault of the template; report it.`,
    });
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Path of the first difference; the documentHash annotation is not part of the contract. */
function firstDifference(actual: unknown, expected: unknown, path: string): string | undefined {
  if (Array.isArray(actual) && Array.isArray(expected)) {
    if (actual.length !== expected.length) return path;
    return firstOf(actual, (value, index) => firstDifference(value, expected[index], `${path}[${index}]`));
  }
  if (isRecord(actual) && isRecord(expected)) {
    const keys = new Set([...Object.keys(actual), ...Object.keys(expected)]);
    keys.delete(DOCUMENT_HASH_ANNOTATION);
    return firstOf([...keys], (key) =>
      Object.hasOwn(actual, key) && Object.hasOwn(expected, key)
        ? firstDifference(actual[key], expected[key], `${path}.${key}`)
        : `${path}.${key}`,
    );
  }
  return Object.is(actual, expected) ? undefined : path;
}

function firstOf<T, R>(items: readonly T[], find: (item: T, index: number) => R | undefined): R | undefined {
  for (const [index, item] of items.entries()) {
    const found = find(item, index);
    if (found !== undefined) return found;
  }
  return undefined;
}
