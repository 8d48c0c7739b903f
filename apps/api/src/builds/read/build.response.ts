import {
  ARCHITECTURES,
  BUILD_METHODS,
  BUILD_STATUSES,
  CONCURRENCY_POLICIES,
  cpuText,
  INFRASTRUCTURE_TYPES,
  memoryText,
  OPERATING_SYSTEMS,
  requirementsOf,
} from '@image-factory/domain';
import type { StoredBuild } from '@image-factory/persistence';
import { type Audience, told } from '../../access/audience.js';
import { BuildConfigRequest } from '../submit/submit-build.request.js';
import { orNull, Shown, ShownAs, timeOrNull } from '../../http/response/shown.js';

export class ImageResponse {
  @Shown('text') readonly repository!: string;
  @Shown('texts', {
    description: 'What was asked for; `message` says which of them a newer build had when this one ended',
  })
  readonly tags!: readonly string[];
  @Shown('text', { nullable: true, description: 'Known when the build has completed' }) readonly digest!: string | null;
}

/**
 * What the build's pod is limited to and its workspace (null: nobody asked, and the tenant has no cap), and what its
 * place must have.
 */
export class RequirementsResponse {
  @Shown('text', { nullable: true, example: '2' }) readonly cpu!: string | null;
  @Shown('text', { nullable: true, example: '4Gi' }) readonly memory!: string | null;
  @Shown('text', { nullable: true, example: '10Gi' }) readonly ephemeral_storage!: string | null;
  @Shown('text', { nullable: true, example: '5Gi' }) readonly workspace_size!: string | null;
  @Shown('text', { nullable: true, choices: ARCHITECTURES }) readonly architecture!: string | null;
  @Shown('text', { nullable: true, choices: OPERATING_SYSTEMS }) readonly os!: string | null;
  @Shown('boolean') readonly gpu!: boolean;
  @Shown('texts') readonly capabilities!: readonly string[];
  @Shown('map') readonly labels!: Readonly<Record<string, string>>;
  @Shown('text', { nullable: true }) readonly region!: string | null;
  @Shown('text', { nullable: true }) readonly preferred_region!: string | null;
}

export class ConcurrencyResponse {
  @Shown('text', { example: 'main' }) readonly key!: string;
  @Shown('text', { choices: CONCURRENCY_POLICIES }) readonly policy!: string;
}

/** A build as lists show it. */
export class BuildResponse {
  @Shown('id') readonly id!: string;
  @Shown('integer', { description: 'Counts from 1 in its project' }) readonly build_number!: number;
  @Shown('id') readonly project_id!: string;
  @Shown('text', { choices: BUILD_STATUSES }) readonly status!: string;
  @Shown('text', { nullable: true }) readonly reason!: string | null;
  @Shown('text', { nullable: true }) readonly message!: string | null;
  @Shown('text', { choices: BUILD_METHODS }) readonly build_method!: string;
  @Shown('text', { choices: INFRASTRUCTURE_TYPES }) readonly infrastructure_type!: string;
  @Shown('id', { nullable: true, description: 'Asked for; the chosen one is in the executions' })
  readonly infrastructure_provider_id!: string | null;
  @Shown('integer') readonly priority!: number;
  @ShownAs(() => RequirementsResponse) readonly requirements!: RequirementsResponse;
  @ShownAs(() => ConcurrencyResponse, { nullable: true }) readonly concurrency!: ConcurrencyResponse | null;
  @Shown('integer', { description: 'Attempts so far' }) readonly attempt!: number;
  @Shown('text') readonly git_repository_url!: string;
  @Shown('text', { nullable: true }) readonly git_branch!: string | null;
  @Shown('text', { nullable: true }) readonly git_commit!: string | null;
  @ShownAs(() => ImageResponse, { nullable: true }) readonly image!: ImageResponse | null;
  @ShownAs(() => BuildConfigRequest) readonly build_config!: object;
  @Shown('integer') readonly build_timeout_minutes!: number;
  @Shown('integer') readonly queue_timeout_minutes!: number;
  @Shown('integer') readonly start_limit_minutes!: number;
  @Shown('time', { nullable: true }) readonly not_before!: string | null;
  @Shown('id', { nullable: true }) readonly retry_of!: string | null;
  @Shown('text') readonly created_by!: string;
  @Shown('time') readonly created_at!: string;
  @Shown('time', { nullable: true }) readonly started_at!: string | null;
  @Shown('time', { nullable: true }) readonly finished_at!: string | null;
  @Shown('time', { nullable: true }) readonly cancel_requested_at!: string | null;
  @Shown('text', { nullable: true }) readonly cancel_requested_by!: string | null;
  @Shown('text', { nullable: true }) readonly cancel_reason!: string | null;
}

/** While a build waits, its reason and message are those of the waiting. */
export function toBuildResponse(build: StoredBuild, audience: Audience): BuildResponse {
  const reason = build.parking?.reason ?? build.reason;
  return {
    id: build.id,
    build_number: build.buildNumber,
    project_id: build.projectId,
    status: build.status,
    reason: orNull(reason),
    message: told(audience, reason, build.parking?.message ?? build.message),
    build_method: build.buildMethod,
    infrastructure_type: build.infrastructureType,
    infrastructure_provider_id: orNull(build.requestedProviderId),
    priority: build.priority,
    requirements: toRequirementsResponse(build),
    concurrency: orNull(build.concurrency),
    attempt: build.attempt,
    git_repository_url: build.gitRepositoryUrl,
    git_branch: orNull(build.gitBranch),
    git_commit: orNull(build.gitCommit),
    image:
      build.imageRepository === undefined
        ? null
        : { repository: build.imageRepository, tags: build.tags, digest: orNull(build.imageDigest) },
    build_config: build.config,
    build_timeout_minutes: build.buildTimeoutMinutes,
    queue_timeout_minutes: build.queueTimeoutMinutes,
    start_limit_minutes: build.startLimitMinutes,
    not_before: timeOrNull(build.notBefore),
    retry_of: orNull(build.retryOf),
    created_by: build.createdBy,
    created_at: build.createdAt.toISOString(),
    started_at: timeOrNull(build.startedAt),
    finished_at: timeOrNull(build.finishedAt),
    cancel_requested_at: timeOrNull(build.cancelRequestedAt),
    cancel_requested_by: orNull(build.cancelRequestedBy),
    cancel_reason: orNull(build.cancelReason),
  };
}

function toRequirementsResponse({ resources, request }: StoredBuild): RequirementsResponse {
  const asked = requirementsOf(request['requirements']);
  const { cpuLimitMillis, memoryLimitBytes, ephemeralStorageLimitBytes, workspaceBytes } = resources;
  const bytes = (figure: number | undefined): string | null => (figure === undefined ? null : memoryText(figure));
  return {
    cpu: cpuLimitMillis === undefined ? null : cpuText(cpuLimitMillis),
    memory: bytes(memoryLimitBytes),
    ephemeral_storage: bytes(ephemeralStorageLimitBytes),
    workspace_size: bytes(workspaceBytes),
    architecture: orNull(asked.architecture),
    os: orNull(asked.os),
    gpu: asked.gpu === true,
    capabilities: asked.capabilities,
    labels: asked.labels,
    region: orNull(asked.region),
    preferred_region: orNull(asked.preferredRegion),
  };
}
