import {
  BUILD_METHODS,
  type BuildMethod,
  cpuQuantity,
  displayName,
  invalidInput,
  labelValue,
  memoryQuantity,
  storageQuantity,
} from '@image-factory/domain';
import type { Tenant, TenantChange } from '@image-factory/persistence';
import { BooleanField, ChoicesField, IntegerField, ListField, TextField } from '../http/validation/fields.js';

const MOST = 1_000_000;

class TenantFields {
  @BooleanField({ optional: true, description: 'A disabled tenant reads and submits nothing; true when absent' })
  readonly enabled?: boolean;

  @IntegerField(0, MOST, { optional: true, description: 'Builds that run at once; 10 when absent' })
  readonly max_concurrent_builds?: number;

  @IntegerField(0, MOST, {
    optional: true,
    description: 'Of them, builds that come before what others run beyond their own; 0 when absent',
  })
  readonly guaranteed_builds?: number;

  @IntegerField(0, MOST, { optional: true, description: 'Builds that wait at once; 1000 when absent' })
  readonly max_queued_builds?: number;

  @IntegerField(1, 1000, {
    optional: true,
    description: 'Share of what runs, by CPU or memory, beside other tenants; 1 when absent',
  })
  readonly weight?: number;

  @IntegerField(0, 1000, { optional: true, description: 'Highest priority of a build; 10 when absent' })
  readonly max_priority?: number;

  @TextField(cpuQuantity, { optional: true, nullable: true, description: 'Most CPU of one build', example: '4' })
  readonly max_cpu?: string | null;

  @TextField(memoryQuantity, {
    optional: true,
    nullable: true,
    description: 'Most memory of one build',
    example: '8Gi',
  })
  readonly max_memory?: string | null;

  @TextField(storageQuantity, {
    optional: true,
    nullable: true,
    description: 'Most that the pod of one build writes to the disk of its node',
    example: '20Gi',
  })
  readonly max_ephemeral_storage?: string | null;

  @TextField(storageQuantity, {
    optional: true,
    nullable: true,
    description: "Largest workspace of one build; a provider's own workspace_size stays what it is",
    example: '10Gi',
  })
  readonly max_workspace_size?: string | null;

  @IntegerField(1, 10_080, { optional: true, description: 'Limit of the queue clock; 1440 when absent' })
  readonly queue_timeout_minutes?: number;

  @IntegerField(1, 1440, { optional: true, description: 'Limit of the start clock; 15 when absent' })
  readonly start_limit_minutes?: number;

  @IntegerField(1, 10_080, { optional: true, description: 'Highest run limit of a build; 1440 when absent' })
  readonly max_build_timeout_minutes?: number;

  @BooleanField({ optional: true, description: 'May use kubernetes; true when absent' })
  readonly tekton_enabled?: boolean;

  @ChoicesField(BUILD_METHODS, { optional: true, description: 'Methods that it may use; all when absent' })
  readonly allowed_methods?: BuildMethod[];

  @ListField(labelValue, 50, {
    optional: true,
    description: 'Capabilities that its builds may ask for; any when absent or empty',
  })
  readonly capabilities?: string[];
}

export class CreateTenantRequest extends TenantFields {
  @TextField(displayName, { description: 'Unique' })
  readonly name!: string;
}

export class ChangeTenantRequest extends TenantFields {
  @TextField(displayName, { optional: true, description: 'Unique' })
  readonly name?: string;
}

/** @throws DomainError InvalidInput ValidationFailed when more is guaranteed than may run */
export function checkGuarantee(tenant: Tenant): void {
  const { guaranteedBuilds, maxConcurrentBuilds } = tenant;
  if (guaranteedBuilds <= maxConcurrentBuilds) return;
  const message = `must be at most ${maxConcurrentBuilds}, the tenant's max_concurrent_builds`;
  throw invalidInput('ValidationFailed', `guaranteed_builds ${message}`, [{ path: 'guaranteed_builds', message }]);
}

/** The fields that are set; `undefined` leaves one as it is. */
export function toTenantChange(request: ChangeTenantRequest): TenantChange {
  const change = {
    name: request.name,
    enabled: request.enabled,
    maxConcurrentBuilds: request.max_concurrent_builds,
    guaranteedBuilds: request.guaranteed_builds,
    maxQueuedBuilds: request.max_queued_builds,
    weight: request.weight,
    maxPriority: request.max_priority,
    maxCpu: request.max_cpu,
    maxMemory: request.max_memory,
    maxEphemeralStorage: request.max_ephemeral_storage,
    maxWorkspaceSize: request.max_workspace_size,
    queueTimeoutMinutes: request.queue_timeout_minutes,
    startLimitMinutes: request.start_limit_minutes,
    maxBuildTimeoutMinutes: request.max_build_timeout_minutes,
    tektonEnabled: request.tekton_enabled,
    allowedMethods: request.allowed_methods,
    capabilities: request.capabilities,
  };
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
}
