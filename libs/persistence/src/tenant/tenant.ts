import type { BuildMethod } from '@image-factory/domain';
import { orUndefined } from '../sql/assignments.js';

/** A tenant with its limits. Minutes unless the name says otherwise. */
export interface Tenant {
  readonly id: string;
  readonly name: string;
  readonly enabled: boolean;
  readonly maxConcurrentBuilds: number;
  readonly guaranteedBuilds: number;
  readonly maxQueuedBuilds: number;
  readonly weight: number;
  readonly maxPriority: number;
  /** Kubernetes quantities: the cap of one build. */
  readonly maxCpu: string | undefined;
  readonly maxMemory: string | undefined;
  readonly maxEphemeralStorage: string | undefined;
  readonly maxWorkspaceSize: string | undefined;
  readonly queueTimeoutMinutes: number;
  readonly startLimitMinutes: number;
  readonly maxBuildTimeoutMinutes: number;
  readonly tektonEnabled: boolean;
  readonly allowedMethods: readonly BuildMethod[];
  readonly capabilities: readonly string[];
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Caps of one build, each of which a tenant may be without. */
type BuildCap = 'maxCpu' | 'maxMemory' | 'maxEphemeralStorage' | 'maxWorkspaceSize';

/** What an admin may set; null clears an optional cap. */
export type TenantChange = Partial<
  Omit<Tenant, 'id' | 'createdAt' | 'updatedAt' | BuildCap> & { readonly [cap in BuildCap]: string | null }
>;

/** A row of `tenants`. */
export interface TenantRow {
  id: string;
  name: string;
  enabled: boolean;
  max_concurrent_builds: number;
  guaranteed_builds: number;
  max_queued_builds: number;
  weight: number;
  max_priority: number;
  max_cpu: string | null;
  max_memory: string | null;
  max_ephemeral_storage: string | null;
  max_workspace_size: string | null;
  queue_timeout_minutes: number;
  start_limit_minutes: number;
  max_build_timeout_minutes: number;
  tekton_enabled: boolean;
  allowed_methods: BuildMethod[];
  capabilities: string[];
  created_at: Date;
  updated_at: Date;
}

export const TENANT_COLUMNS = {
  name: 'name',
  enabled: 'enabled',
  maxConcurrentBuilds: 'max_concurrent_builds',
  guaranteedBuilds: 'guaranteed_builds',
  maxQueuedBuilds: 'max_queued_builds',
  weight: 'weight',
  maxPriority: 'max_priority',
  maxCpu: 'max_cpu',
  maxMemory: 'max_memory',
  maxEphemeralStorage: 'max_ephemeral_storage',
  maxWorkspaceSize: 'max_workspace_size',
  queueTimeoutMinutes: 'queue_timeout_minutes',
  startLimitMinutes: 'start_limit_minutes',
  maxBuildTimeoutMinutes: 'max_build_timeout_minutes',
  tektonEnabled: 'tekton_enabled',
  allowedMethods: 'allowed_methods',
  capabilities: 'capabilities',
} as const;

export function toTenant(row: TenantRow): Tenant {
  return {
    id: row.id,
    name: row.name,
    enabled: row.enabled,
    maxConcurrentBuilds: row.max_concurrent_builds,
    guaranteedBuilds: row.guaranteed_builds,
    maxQueuedBuilds: row.max_queued_builds,
    weight: row.weight,
    maxPriority: row.max_priority,
    maxCpu: orUndefined(row.max_cpu),
    maxMemory: orUndefined(row.max_memory),
    maxEphemeralStorage: orUndefined(row.max_ephemeral_storage),
    maxWorkspaceSize: orUndefined(row.max_workspace_size),
    queueTimeoutMinutes: row.queue_timeout_minutes,
    startLimitMinutes: row.start_limit_minutes,
    maxBuildTimeoutMinutes: row.max_build_timeout_minutes,
    tektonEnabled: row.tekton_enabled,
    allowedMethods: row.allowed_methods,
    capabilities: row.capabilities,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
