import type { NewBuild } from '@image-factory/persistence';

/** A submission as the API stores it, of a container image that nothing else asks anything of. */
export function newBuild(tenantId: string, projectId: string, part: Partial<NewBuild> = {}): NewBuild {
  return {
    tenantId,
    projectId,
    buildMethod: 'kaniko',
    infrastructureType: 'kubernetes',
    requestedProviderId: undefined,
    priority: 0,
    resources: { cpuMillis: 1000, memoryBytes: 2 ** 31, cpuLimitMillis: undefined, memoryLimitBytes: undefined },
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
