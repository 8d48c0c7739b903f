import type { RenderContext } from '@image-factory/domain';

/** A render context for specs. */
export function renderContext(overrides: Partial<RenderContext> = {}): RenderContext {
  return {
    installationId: '4e0c1f3a-8a2b-4f0e-9b56-0d5a8a3b7c11',
    tenantId: '0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d',
    projectId: '01930000-0000-7000-8000-000000000001',
    buildId: '01930000-0000-7000-8000-000000000002',
    executionId: '01930000-0000-7000-8000-000000000003',
    attempt: 1,
    shard: 5,
    buildMethod: 'kaniko',
    gitRepositoryUrl: 'https://git.example/team/app.git',
    gitRevision: 'main',
    imageRepository: 'registry.example:5000/team/app',
    config:
      overrides.buildMethod === 'packer'
        ? { packer_template: 'image.pkr.hcl', variables: { region: 'eu-1' } }
        : { build_args: { VERSION: '1.2.3' } },
    resources: {
      cpuMillis: 1000,
      memoryBytes: 2 * 2 ** 30,
      cpuLimitMillis: undefined,
      memoryLimitBytes: undefined,
      ephemeralStorageBytes: 4 * 2 ** 30,
      ephemeralStorageLimitBytes: undefined,
      workspaceBytes: undefined,
    },
    pipelineTimeoutSeconds: 4200,
    storageClass: undefined,
    workspaceSize: '1Gi',
    avoidedNodes: [],
    insecureRegistry: false,
    hasGitCredential: false,
    traceparent: undefined,
    ...overrides,
  };
}
