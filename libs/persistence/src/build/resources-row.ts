import { DEFAULT_EPHEMERAL_STORAGE_BYTES, type BuildResources } from '@image-factory/domain';

/** The columns of `builds` that say what a build takes of its place. */
export interface ResourcesRow {
  readonly cpu_millis: number;
  readonly memory_bytes: number;
  readonly cpu_limit_millis: number | null;
  readonly memory_limit_bytes: number | null;
  readonly ephemeral_storage_bytes: number | null;
  readonly ephemeral_storage_limit_bytes: number | null;
  readonly workspace_bytes: number | null;
}

/** Usual figures of disk are not stored where there is no limit: most builds have none, and their rows stay small. */
export function toBuildResources(row: ResourcesRow): BuildResources {
  return {
    cpuMillis: row.cpu_millis,
    memoryBytes: row.memory_bytes,
    cpuLimitMillis: row.cpu_limit_millis ?? undefined,
    memoryLimitBytes: row.memory_limit_bytes ?? undefined,
    ephemeralStorageBytes: row.ephemeral_storage_bytes ?? DEFAULT_EPHEMERAL_STORAGE_BYTES,
    ephemeralStorageLimitBytes: row.ephemeral_storage_limit_bytes ?? undefined,
    workspaceBytes: row.workspace_bytes ?? undefined,
  };
}

/** Disk as the columns have it: request, limit, workspace. */
export function storageColumns(resources: BuildResources): readonly (number | null)[] {
  const { ephemeralStorageBytes, ephemeralStorageLimitBytes, workspaceBytes } = resources;
  const isUsual = ephemeralStorageBytes === DEFAULT_EPHEMERAL_STORAGE_BYTES;
  const request = ephemeralStorageLimitBytes === undefined && isUsual ? null : ephemeralStorageBytes;
  return [request, ephemeralStorageLimitBytes ?? null, workspaceBytes ?? null];
}
