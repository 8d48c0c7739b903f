import { pipelineTimeoutSeconds, shardOf, type Provider, type RenderContext } from '@image-factory/domain';
import type { ClaimedExecution } from '@image-factory/persistence';

const DEFAULT_WORKSPACE_SIZE = '1Gi';

/** Shard of a build on a provider: the local executor has one per host. */
export function shardOn(provider: Provider, buildId: string): number {
  return provider.type === 'local' ? 0 : shardOf(buildId, provider.shardCount);
}

/** The explicit, typed merge of build, project, method and provider that the executor renders from. Pure. */
export function renderContext(
  claimed: ClaimedExecution,
  provider: Provider,
  installationId: string,
  insecureRegistries: readonly string[],
  traceparent: string | undefined,
): RenderContext {
  return {
    installationId,
    tenantId: claimed.tenantId,
    projectId: claimed.projectId,
    buildId: claimed.buildId,
    executionId: claimed.executionId,
    attempt: claimed.attempt,
    shard: shardOn(provider, claimed.buildId),
    buildMethod: claimed.buildMethod,
    gitRepositoryUrl: claimed.gitRepositoryUrl,
    gitRevision: claimed.gitCommit ?? claimed.gitBranch ?? 'HEAD',
    imageRepository: claimed.imageRepository,
    config: claimed.config,
    resources: claimed.resources,
    pipelineTimeoutSeconds: pipelineTimeoutSeconds(claimed.buildTimeoutMinutes, claimed.startLimitMinutes),
    storageClass: provider.settings.storageClass,
    workspaceSize: provider.settings.workspaceSize ?? DEFAULT_WORKSPACE_SIZE,
    insecureRegistry: isInsecure(claimed.imageRepository, [
      ...(provider.settings.insecureRegistries ?? []),
      ...insecureRegistries,
    ]),
    hasGitCredential: claimed.repositoryAuthId !== undefined,
    traceparent: traceparent ?? claimed.traceparent,
  };
}

function isInsecure(imageRepository: string | undefined, insecureRegistries: readonly string[]): boolean {
  const host = imageRepository?.split('/', 1)[0];
  return host !== undefined && insecureRegistries.includes(host);
}
