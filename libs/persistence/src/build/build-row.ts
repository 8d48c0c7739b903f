import type {
  Build,
  BuildConfig,
  BuildMethod,
  BuildStatus,
  ConcurrencyPolicy,
  InfrastructureType,
  ParkReason,
  Reason,
} from '@image-factory/domain';
import { orUndefined } from '../sql/assignments.js';
import { toBuildResources, type ResourcesRow } from './resources-row.js';

/** A build as the API reads it: the domain's, with its clocks and what it was submitted with. */
export interface StoredBuild extends Build {
  readonly startLimitMinutes: number;
  /** When the queue clock (last) began to run. */
  readonly queuedAt: Date;
  /** Seconds of the queue clock in earlier stays in the queue. */
  readonly queuedSeconds: number;
  readonly queueKey: number | undefined;
  /** The key that it will have back in the claim order; while parked. */
  readonly parkedOrder: number | undefined;
  readonly cancelRequestedAt: Date | undefined;
  readonly cancelRequestedBy: string | undefined;
  readonly cancelReason: string | undefined;
  readonly gitRepositoryUrl: string;
  /** The body of the submission, for a retry from the same input. */
  readonly request: Readonly<Record<string, unknown>>;
}

/** A row of {@link BUILD_SELECT}. */
export interface BuildRow extends ResourcesRow {
  id: string;
  tenant_id: string;
  project_id: string;
  build_number: number;
  status: BuildStatus;
  reason: Reason | null;
  message: string | null;
  queue_key: string | null;
  parked: ParkReason | null;
  parked_message: string | null;
  parked_wake_at: Date | null;
  parked_wake_on: string | null;
  build_method: BuildMethod;
  infrastructure_type: InfrastructureType;
  requested_provider_id: string | null;
  concurrency_key: string | null;
  concurrency_policy: ConcurrencyPolicy | null;
  parked_order: number | null;
  priority: number;
  attempt: number;
  not_before: Date | null;
  build_timeout_minutes: number;
  queue_timeout_minutes: number;
  start_limit_minutes: number;
  git_branch: string | null;
  git_commit: string | null;
  tags: string[];
  image_repository: string | null;
  image_digest: string | null;
  retry_of: string | null;
  created_by: string;
  created_at: Date;
  queued_at: Date;
  queued_seconds: number;
  started_at: Date | null;
  finished_at: Date | null;
  cancel_requested_at: Date | null;
  cancel_requested_by: string | null;
  cancel_reason: string | null;
  config: Record<string, unknown>;
  git_repository_url: string;
  request: Record<string, unknown>;
}

/** A build with its configuration and what never changes about it. */
export const BUILD_SELECT = `
  SELECT b.*, to_jsonb(c) - 'build_id' - 'build_method' AS config, s.git_repository_url, s.request
    FROM builds b JOIN build_configs c ON c.build_id = b.id JOIN build_specs s ON s.build_id = b.id`;

export function toStoredBuild(row: BuildRow): StoredBuild {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    projectId: row.project_id,
    buildNumber: row.build_number,
    status: row.status,
    reason: orUndefined(row.reason),
    message: orUndefined(row.message),
    buildMethod: row.build_method,
    infrastructureType: row.infrastructure_type,
    requestedProviderId: orUndefined(row.requested_provider_id),
    resources: toBuildResources(row),
    concurrency:
      row.concurrency_key === null || row.concurrency_policy === null
        ? undefined
        : { key: row.concurrency_key, policy: row.concurrency_policy },
    priority: row.priority,
    parking: toParking(row),
    attempt: row.attempt,
    gitBranch: orUndefined(row.git_branch),
    gitCommit: orUndefined(row.git_commit),
    tags: row.tags,
    imageRepository: orUndefined(row.image_repository),
    imageDigest: orUndefined(row.image_digest),
    config: toBuildConfig(row.config),
    buildTimeoutMinutes: row.build_timeout_minutes,
    queueTimeoutMinutes: row.queue_timeout_minutes,
    startLimitMinutes: row.start_limit_minutes,
    notBefore: orUndefined(row.not_before),
    retryOf: orUndefined(row.retry_of),
    createdBy: row.created_by,
    createdAt: row.created_at,
    queuedAt: row.queued_at,
    queuedSeconds: row.queued_seconds,
    queueKey: row.queue_key === null ? undefined : Number(row.queue_key),
    parkedOrder: orUndefined(row.parked_order),
    startedAt: orUndefined(row.started_at),
    finishedAt: orUndefined(row.finished_at),
    cancelRequestedAt: orUndefined(row.cancel_requested_at),
    cancelRequestedBy: orUndefined(row.cancel_requested_by),
    cancelReason: orUndefined(row.cancel_reason),
    gitRepositoryUrl: row.git_repository_url,
    request: row.request,
  };
}

function toParking(row: BuildRow): Build['parking'] {
  if (row.parked === null) return undefined;
  return {
    reason: row.parked,
    message: row.parked_message ?? '',
    ...(row.parked_wake_at === null ? {} : { wakeAt: row.parked_wake_at }),
    ...(row.parked_wake_on === null ? {} : { wakeOn: row.parked_wake_on }),
  };
}

/** Drops what a method does not use: NULL columns and empty defaults. */
export function toBuildConfig(config: Record<string, unknown>): BuildConfig {
  const isEmpty = (value: unknown): boolean =>
    value === null || (typeof value === 'object' && Object.keys(value).length === 0);
  return Object.fromEntries(Object.entries(config).filter(([, value]) => !isEmpty(value)));
}
