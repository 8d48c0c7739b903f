import { BUILD_METHODS } from '@image-factory/domain';
import type { Tenant } from '@image-factory/persistence';
import { orNull, Shown } from '../http/response/shown.js';

export class TenantResponse {
  @Shown('id') readonly id!: string;
  @Shown('text') readonly name!: string;
  @Shown('boolean') readonly enabled!: boolean;
  @Shown('integer') readonly max_concurrent_builds!: number;
  @Shown('integer') readonly guaranteed_builds!: number;
  @Shown('integer') readonly max_queued_builds!: number;
  @Shown('integer') readonly weight!: number;
  @Shown('integer') readonly max_priority!: number;
  @Shown('text', { nullable: true }) readonly max_cpu!: string | null;
  @Shown('text', { nullable: true }) readonly max_memory!: string | null;
  @Shown('text', { nullable: true }) readonly max_ephemeral_storage!: string | null;
  @Shown('text', { nullable: true }) readonly max_workspace_size!: string | null;
  @Shown('integer') readonly queue_timeout_minutes!: number;
  @Shown('integer') readonly start_limit_minutes!: number;
  @Shown('integer') readonly max_build_timeout_minutes!: number;
  @Shown('boolean') readonly tekton_enabled!: boolean;
  @Shown('texts', { description: `Of ${BUILD_METHODS.join(', ')}` }) readonly allowed_methods!: readonly string[];
  @Shown('texts') readonly capabilities!: readonly string[];
  @Shown('time') readonly created_at!: string;
  @Shown('time') readonly updated_at!: string;
}

export function toTenantResponse(tenant: Tenant): TenantResponse {
  return {
    id: tenant.id,
    name: tenant.name,
    enabled: tenant.enabled,
    max_concurrent_builds: tenant.maxConcurrentBuilds,
    guaranteed_builds: tenant.guaranteedBuilds,
    max_queued_builds: tenant.maxQueuedBuilds,
    weight: tenant.weight,
    max_priority: tenant.maxPriority,
    max_cpu: orNull(tenant.maxCpu),
    max_memory: orNull(tenant.maxMemory),
    max_ephemeral_storage: orNull(tenant.maxEphemeralStorage),
    max_workspace_size: orNull(tenant.maxWorkspaceSize),
    queue_timeout_minutes: tenant.queueTimeoutMinutes,
    start_limit_minutes: tenant.startLimitMinutes,
    max_build_timeout_minutes: tenant.maxBuildTimeoutMinutes,
    tekton_enabled: tenant.tektonEnabled,
    allowed_methods: tenant.allowedMethods,
    capabilities: tenant.capabilities,
    created_at: tenant.createdAt.toISOString(),
    updated_at: tenant.updatedAt.toISOString(),
  };
}
