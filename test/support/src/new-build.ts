import { buildResources, type BuildResources, type ResourceFigures } from '@image-factory/domain';
import type { NewBuild } from '@image-factory/persistence';

const NOTHING_ASKED: ResourceFigures = {
  cpuMillis: undefined,
  memoryBytes: undefined,
  ephemeralStorageBytes: undefined,
  workspaceBytes: undefined,
};

/** What a build is given that asks for nothing of a tenant without caps. */
export const USUAL_RESOURCES: BuildResources = buildResources(NOTHING_ASKED, NOTHING_ASKED);

/** A submission as the API stores it, of a container image that nothing else asks anything of. */
export function newBuild(tenantId: string, projectId: string, part: Partial<NewBuild> = {}): NewBuild {
  return {
    tenantId,
    projectId,
    buildMethod: 'kaniko',
    infrastructureType: 'kubernetes',
    requestedProviderId: undefined,
    priority: 0,
    resources: USUAL_RESOURCES,
    concurrency: undefined,
    notBefore: undefined,
    buildTimeoutMinutes: 30,
    queueTimeoutMinutes: 1_440,
    startLimitMinutes: 15,
    maxQueuedBuilds: 1_000_000,
    gitBranch: 'main',
    gitCommit: undefined,
    tags: ['latest'],
    imageRepository: 'registry.example/team/app',
    config: {},
    gitRepositoryUrl: 'https://git.example/web.git',
    registryAuthId: undefined,
    repositoryAuthId: undefined,
    request: {},
    retryOf: undefined,
    traceparent: undefined,
    createdBy: 'user:test',
    ...part,
  };
}
