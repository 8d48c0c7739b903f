import type { BuildConfig, BuildMethod, InfrastructureType } from './build-method.js';
import type { BuildStatus } from './build-status.js';
import type { BuildResources } from '../queue/build-resources.js';
import type { Concurrency } from '../queue/concurrency.js';
import type { Parking } from '../queue/queue-key.js';
import type { Reason } from '../errors/reasons.js';

/** One request to make an image. */
export interface Build {
  readonly id: string;
  readonly tenantId: string;
  readonly projectId: string;
  /** Readable number, counting from 1 in its project. */
  readonly buildNumber: number;
  readonly status: BuildStatus;
  readonly reason: Reason | undefined;
  readonly message: string | undefined;
  readonly buildMethod: BuildMethod;
  readonly infrastructureType: InfrastructureType;
  /** Named by the user, not the chosen one. */
  readonly requestedProviderId: string | undefined;
  readonly resources: BuildResources;
  readonly concurrency: Concurrency | undefined;
  readonly priority: number;
  readonly parking: Parking | undefined;
  /** Attempts made so far; 0 before the first claim. */
  readonly attempt: number;
  readonly gitBranch: string | undefined;
  readonly gitCommit: string | undefined;
  readonly tags: readonly string[];
  readonly imageRepository: string | undefined;
  readonly imageDigest: string | undefined;
  readonly config: BuildConfig;
  readonly buildTimeoutMinutes: number;
  readonly queueTimeoutMinutes: number;
  readonly notBefore: Date | undefined;
  readonly retryOf: string | undefined;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly startedAt: Date | undefined;
  readonly finishedAt: Date | undefined;
}
