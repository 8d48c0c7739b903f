import {
  ANNOTATIONS,
  attemptSecretName,
  attemptTag,
  BUILD_METHOD_TABLE,
  cpuText,
  DEFAULT_CPU_MILLIS,
  DEFAULT_EPHEMERAL_STORAGE_BYTES,
  DEFAULT_MEMORY_BYTES,
  invalidInput,
  LABELS,
  MANAGED_BY,
  memoryText,
  pipelineRunName,
} from '@image-factory/domain';
import type { BuildResources, Issue, Place, RenderContext } from '@image-factory/domain';
import { tektonTextProblem, toTektonText } from './tekton-text.js';

/** ServiceAccount that the pods of every run use: it has no rights and its token is not mounted. */
export const BUILDER_SERVICE_ACCOUNT = 'image-factory-builder';

/** Annotation through which Tekton takes up a trace (JSON of a W3C carrier). */
export const SPAN_CONTEXT_ANNOTATION = 'tekton.dev/pipelinerunSpanContext';

/** Keys of the attempt's Secret: `config.json` for registries, the others for git. Unused ones are empty. */
export const DOCKER_CONFIG_KEY = 'config.json';
export const GIT_CREDENTIAL_KEYS = ['git-credentials', 'ssh-privatekey', 'known_hosts'] as const;

/** Values of a run's parameters. User text stands only here, never in the pipelineSpec. */
export type ParamValues = Readonly<Record<string, string | readonly string[]>>;

/** Requests and limits by resource, as Kubernetes quantities; without `limits` nothing is limited. */
export interface ComputeResources {
  readonly requests: Readonly<Record<string, string>>;
  readonly limits?: Readonly<Record<string, string>>;
}

/** A Kubernetes affinity that prefers nodes and requires none: a cluster of one node still takes the run. */
export interface NodePreference {
  readonly nodeAffinity: { readonly preferredDuringSchedulingIgnoredDuringExecution: readonly object[] };
}

/** All that a template sees. */
export interface TemplateView {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly serviceAccountName: string;
  readonly secretName: string;
  readonly hasGitCredential: boolean;
  readonly gitCredentialKeys: readonly string[];
  readonly storageClass: string | undefined;
  readonly workspaceSize: string;
  /** Go duration, as in `3600s`. Of its tasks as well, to which Tekton else gives an hour, whatever the run's own is. */
  readonly pipelineTimeout: string;
  readonly taskName: string;
  /** Of the `build` task's pod; undefined: nobody asked and nothing is capped. */
  readonly computeResources: ComputeResources | undefined;
  /** Of every pod of the run; undefined: nothing speaks for one node or another. */
  readonly affinity: NodePreference | undefined;
  readonly params: ParamValues;
}

/**
 * Names, labels and parameter values of the run: pure.
 * @throws DomainError InvalidInput BuildConfigInvalid with every issue
 */
export function templateView(context: RenderContext, place: Place): TemplateView {
  const method = BUILD_METHOD_TABLE[context.buildMethod];
  return {
    name: pipelineRunName(context),
    namespace: place.namespace,
    labels: runLabels(context),
    annotations:
      context.traceparent === undefined
        ? {}
        : { [SPAN_CONTEXT_ANNOTATION]: JSON.stringify({ traceparent: context.traceparent }) },
    serviceAccountName: BUILDER_SERVICE_ACCOUNT,
    secretName: attemptSecretName(context),
    hasGitCredential: context.hasGitCredential,
    gitCredentialKeys: GIT_CREDENTIAL_KEYS,
    storageClass: context.storageClass,
    workspaceSize: context.workspaceSize,
    pipelineTimeout: `${context.pipelineTimeoutSeconds}s`,
    taskName: method.taskName,
    computeResources: computeResources(context.resources),
    affinity: awayFrom(context.avoidedNodes),
    params: paramValues(context),
  };
}

/**
 * Without a limit only a request that is more than usual is written, so that the pod lands where there is room: the usual
 * one counts for fairness alone and must not keep a pod from being scheduled.
 */
function computeResources(resources: BuildResources): ComputeResources | undefined {
  const { cpuMillis, memoryBytes, ephemeralStorageBytes } = resources;
  const figures = [
    ['cpu', cpuMillis, resources.cpuLimitMillis, DEFAULT_CPU_MILLIS, cpuText],
    ['memory', memoryBytes, resources.memoryLimitBytes, DEFAULT_MEMORY_BYTES, memoryText],
    [
      'ephemeral-storage',
      ephemeralStorageBytes,
      resources.ephemeralStorageLimitBytes,
      DEFAULT_EPHEMERAL_STORAGE_BYTES,
      memoryText,
    ],
  ] as const;
  const requests = figures.flatMap(([name, request, limit, usual, text]) =>
    limit === undefined && request <= usual ? [] : [[name, text(request)]],
  );
  const limits = figures.flatMap(([name, , limit, , text]) => (limit === undefined ? [] : [[name, text(limit)]]));
  if (requests.length === 0) return undefined;
  return {
    requests: Object.fromEntries(requests) as Record<string, string>,
    ...(limits.length === 0 ? {} : { limits: Object.fromEntries(limits) as Record<string, string> }),
  };
}

/** As Kubernetes names nodes; anything else is no name, and is left out. */
const NODE_NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

/**
 * Prefers any node but these, one term for each: a node has the weight of every term that does not name it. By name, not
 * by a label that a node may lack. Tekton gives the same preference to the affinity assistant, whose node the pods of the
 * run then share.
 */
function awayFrom(nodes: readonly string[]): NodePreference | undefined {
  const terms = nodes
    .filter((node) => NODE_NAME.test(node))
    .map((node) => ({
      weight: 100,
      preference: { matchFields: [{ key: 'metadata.name', operator: 'NotIn', values: [node] }] },
    }));
  if (terms.length === 0) return undefined;
  return { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: terms } };
}

/** Labels of the run and of its Secret; Tekton hands them on to TaskRuns and pods. */
export function runLabels(
  identity: Pick<RenderContext, 'installationId' | 'tenantId' | 'buildId' | 'executionId' | 'attempt' | 'shard'> & {
    readonly projectId?: string;
  },
): Record<string, string> {
  return {
    [LABELS.managedBy]: MANAGED_BY,
    [LABELS.installation]: identity.installationId,
    [LABELS.tenant]: identity.tenantId,
    ...(identity.projectId === undefined ? {} : { [LABELS.project]: identity.projectId }),
    [LABELS.build]: identity.buildId,
    [LABELS.execution]: identity.executionId,
    [LABELS.attempt]: String(identity.attempt),
    [LABELS.shard]: String(identity.shard),
  };
}

/** Key of the annotation that carries the hash of the document without it. */
export const DOCUMENT_HASH_ANNOTATION = ANNOTATIONS.documentHash;

function paramValues(context: RenderContext): ParamValues {
  const issues: Issue[] = [];
  const text = (path: string, value: string): string => {
    const problem = tektonTextProblem(value);
    if (problem !== undefined) issues.push({ path, message: problem });
    return toTektonText(value);
  };
  const pairs = (path: string, values: Readonly<Record<string, string>> | undefined): string[] =>
    Object.entries(values ?? {}).map(([name, value]) => text(`${path}.${name}`, `${name}=${value}`));
  const source = {
    url: text('git_repository_url', context.gitRepositoryUrl),
    revision: text('git_revision', context.gitRevision),
  };
  const method =
    context.buildMethod === 'packer' ? packerParams(context, text, pairs) : imageParams(context, text, pairs, issues);
  if (issues.length > 0) {
    throw invalidInput('BuildConfigInvalid', 'The build has values that its pipeline cannot carry unchanged', issues);
  }
  return { ...source, ...method };
}

type EmitText = (path: string, value: string) => string;
type EmitPairs = (path: string, values: Readonly<Record<string, string>> | undefined) => string[];

function packerParams({ config }: RenderContext, text: EmitText, pairs: EmitPairs): ParamValues {
  return {
    template: text('build_config.packer_template', config.packer_template ?? ''),
    context: text('build_config.build_context', config.build_context ?? '.'),
    variables: pairs('build_config.variables', config.variables),
  };
}

function imageParams(context: RenderContext, text: EmitText, pairs: EmitPairs, issues: Issue[]): ParamValues {
  const { config } = context;
  if (context.imageRepository === undefined) {
    issues.push({
      path: 'build_config.metadata.registry_repo',
      message: 'is required: name the repository here or in the project',
    });
  }
  const directory = config.build_context ?? '.';
  return {
    image: text('build_config.metadata.registry_repo', `${context.imageRepository ?? ''}:${attemptTag(context)}`),
    context: text('build_config.build_context', directory),
    dockerfile: text('build_config.dockerfile_path', inDirectory(directory, config.dockerfile_path ?? 'Dockerfile')),
    target: text('build_config.target', config.target ?? ''),
    'build-args': pairs('build_config.build_args', config.build_args),
    'cache-repo': text('build_config.cache_repo', config.cache_repo ?? ''),
    'insecure-registry': String(context.insecureRegistry),
    ...(context.buildMethod === 'buildx'
      ? { platforms: text('build_config.platforms', (config.platforms ?? []).join(',')) }
      : {}),
  };
}

/** `dockerfile_path` is a path in the context; the Tasks count from the repository's root. */
function inDirectory(directory: string, path: string): string {
  const trimmed = directory.replace(/^(?:\.\/)+/, '').replace(/\/+$/, '');
  return trimmed === '' || trimmed === '.' ? path : `${trimmed}/${path}`;
}
