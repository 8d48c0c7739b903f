import type { BuildConfig, BuildMethod, BuildResources, Concurrency, InfrastructureType } from '@image-factory/domain';

/** A validated submission, ready to be stored. */
export interface NewBuild {
  readonly tenantId: string;
  readonly projectId: string;
  readonly buildMethod: BuildMethod;
  readonly infrastructureType: InfrastructureType;
  readonly requestedProviderId: string | undefined;
  readonly priority: number;
  readonly resources: BuildResources;
  readonly concurrency: Concurrency | undefined;
  /** Parks the build until then when it is in the future. */
  readonly notBefore: Date | undefined;
  readonly buildTimeoutMinutes: number;
  readonly queueTimeoutMinutes: number;
  readonly startLimitMinutes: number;
  readonly maxQueuedBuilds: number;
  readonly gitBranch: string;
  readonly gitCommit: string | undefined;
  /** Empty: the default tag is made of the build number. */
  readonly tags: readonly string[];
  readonly imageRepository: string | undefined;
  readonly config: BuildConfig;
  readonly gitRepositoryUrl: string;
  readonly registryAuthId: string | undefined;
  readonly repositoryAuthId: string | undefined;
  readonly request: Readonly<Record<string, unknown>>;
  readonly retryOf: string | undefined;
  readonly traceparent: string | undefined;
  readonly createdBy: string;
}

/** A build whose user named no tag gets this with its number (product.md, "image destination"). */
export const DEFAULT_TAG_PREFIX = 'build-';

/** The tag of a build whose user named none. */
export function defaultTag(buildNumber: number): string {
  return `${DEFAULT_TAG_PREFIX}${buildNumber}`;
}
