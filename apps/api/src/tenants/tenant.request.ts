import { BUILD_METHODS, type BuildMethod, displayName, type Grammar, labelValue } from '@image-factory/domain';
import type { TenantChange } from '@image-factory/persistence';
import { refuseLater } from '../http/validation/refuse-later.js';
import { BooleanField, ChoicesField, IntegerField, ListField, TextField } from '../http/validation/fields.js';

/** Kubernetes quantities of CPU and memory. */
const cpu: Grammar = (text) =>
  /^(?:[1-9]\d{0,4}|[1-9]\d{0,6}m|\d{1,4}\.\d{1,3})$/.test(text) ? undefined : 'must be as in 2 or 500m';
const memory: Grammar = (text) =>
  /^[1-9]\d{0,6}(?:Ki|Mi|Gi|Ti|k|M|G|T)?$/.test(text) ? undefined : 'must be as in 4Gi';

const MOST = 1_000_000;

class TenantFields {
  @BooleanField({ optional: true, description: 'A disabled tenant reads and submits nothing; true when absent' })
  readonly enabled?: boolean;

  @IntegerField(0, MOST, { optional: true, description: 'Builds that run at once; 10 when absent' })
  readonly max_concurrent_builds?: number;

  @IntegerField(0, MOST, {
    optional: true,
    description: 'Of them, builds that are always possible. Only 0 is supported yet',
  })
  readonly guaranteed_builds?: number;

  @IntegerField(0, MOST, { optional: true, description: 'Builds that wait at once; 1000 when absent' })
  readonly max_queued_builds?: number;

  @IntegerField(1, 1000, { optional: true, description: 'Share of free slots; 1 when absent' })
  readonly weight?: number;

  @IntegerField(0, 1000, { optional: true, description: 'Highest priority of a build; 10 when absent' })
  readonly max_priority?: number;

  @TextField(cpu, { optional: true, nullable: true, description: 'Most CPU of one build. Only null is supported yet' })
  readonly max_cpu?: string | null;

  @TextField(memory, {
    optional: true,
    nullable: true,
    description: 'Most memory of one build. Only null is supported yet',
  })
  readonly max_memory?: string | null;

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

  @ListField(labelValue, 50, { optional: true, description: 'Capabilities that its builds may ask for' })
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

/** Guarantees and caps that claims and Tasks do not keep yet. @throws DomainError InvalidInput NotYetSupported */
export function refuseLaterLimits(request: ChangeTenantRequest): void {
  refuseLater([
    ...((request.guaranteed_builds ?? 0) > 0 ? ['guaranteed_builds'] : []),
    ...(['max_cpu', 'max_memory'] as const).filter((field) => request[field] != null),
  ]);
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
    queueTimeoutMinutes: request.queue_timeout_minutes,
    startLimitMinutes: request.start_limit_minutes,
    maxBuildTimeoutMinutes: request.max_build_timeout_minutes,
    tektonEnabled: request.tekton_enabled,
    allowedMethods: request.allowed_methods,
    capabilities: request.capabilities,
  };
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
}
