import {
  NAMESPACE_PREFIX,
  pipelineTimeoutSeconds,
  workspaceSize,
  type Provider,
  type RenderContext,
} from '@image-factory/domain';
import type { NewBuild } from '@image-factory/persistence';
import { buildPipelineRun } from '@image-factory/tekton-executor';

/** Stands for every id that exists only after submission. */
const PLACEHOLDER_ID = '00000000-0000-7000-8000-000000000000';

/**
 * The PipelineRun that a build would become on a provider: the real renderer on the build's own values. Names and ids
 * are placeholders; nothing of it is stored.
 */
export function previewPipelineRun(
  build: Omit<NewBuild, 'createdBy' | 'traceparent' | 'retryOf'>,
  provider: Provider,
): unknown {
  const host = build.imageRepository?.split('/', 1)[0];
  const context: RenderContext = {
    installationId: PLACEHOLDER_ID,
    tenantId: build.tenantId,
    projectId: build.projectId,
    buildId: PLACEHOLDER_ID,
    executionId: PLACEHOLDER_ID,
    attempt: 1,
    shard: 0,
    buildMethod: build.buildMethod,
    gitRepositoryUrl: build.gitRepositoryUrl,
    gitRevision: build.gitCommit ?? build.gitBranch,
    imageRepository: build.imageRepository,
    config: build.config,
    resources: build.resources,
    pipelineTimeoutSeconds: pipelineTimeoutSeconds(build.buildTimeoutMinutes, build.startLimitMinutes),
    storageClass: provider.settings.storageClass,
    workspaceSize: workspaceSize(provider.settings.workspaceSize, build.resources.workspaceBytes),
    avoidedNodes: [],
    insecureRegistry: host !== undefined && (provider.settings.insecureRegistries ?? []).includes(host),
    hasGitCredential: build.repositoryAuthId !== undefined,
    traceparent: undefined,
  };
  const namespace = NAMESPACE_PREFIX + build.tenantId.slice(0, 8);
  const place = { clusterUid: PLACEHOLDER_ID, namespace, namespaceUid: PLACEHOLDER_ID };
  return JSON.parse(buildPipelineRun(context, place).document) as unknown;
}
