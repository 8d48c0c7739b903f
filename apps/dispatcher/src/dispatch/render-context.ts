import {
  memoryBytes,
  pipelineTimeoutSeconds,
  shardOf,
  workspaceSize,
  type Provider,
  type RenderContext,
} from '@image-factory/domain';
import type { ClaimedExecution, PlacementCommit } from '@image-factory/persistence';

/** Shard of a build on a provider: the local executor has one per host. */
export function shardOn(provider: Provider, buildId: string): number {
  return provider.type === 'local' ? 0 : shardOf(buildId, provider.shardCount);
}

/** What rendering needs besides build and provider. */
export interface RenderFacts {
  readonly installationId: string;
  /** `host[:port]`s that speak plain HTTP, for every provider. */
  readonly insecureRegistries: readonly string[];
  readonly avoidedNodes: readonly string[];
  readonly traceparent: string | undefined;
}

/** The explicit, typed merge of build, project, method and provider that the executor renders from. Pure. */
export function renderContext(
  claimed: ClaimedExecution,
  provider: Provider,
  { installationId, insecureRegistries, avoidedNodes, traceparent }: RenderFacts,
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
    workspaceSize: workspaceSize(provider.settings.workspaceSize, claimed.resources.workspaceBytes),
    avoidedNodes,
    insecureRegistry: isInsecure(claimed.imageRepository, [
      ...(provider.settings.insecureRegistries ?? []),
      ...insecureRegistries,
    ]),
    hasGitCredential: claimed.repositoryAuthId !== undefined,
    traceparent: traceparent ?? claimed.traceparent,
  };
}

/** What the attempt is given of disk, for its row: what ran out is measured by it. */
export function givenStorage(
  context: RenderContext,
): Pick<PlacementCommit, 'ephemeralStorageLimitBytes' | 'workspaceBytes'> {
  return {
    ephemeralStorageLimitBytes: context.resources.ephemeralStorageLimitBytes,
    workspaceBytes: memoryBytes(context.workspaceSize),
  };
}

function isInsecure(imageRepository: string | undefined, insecureRegistries: readonly string[]): boolean {
  const host = imageRepository?.split('/', 1)[0];
  return host !== undefined && insecureRegistries.includes(host);
}
