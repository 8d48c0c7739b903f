import { orUndefined } from '../sql/assignments.js';

/** A project: where the source is, where the image goes, and defaults for its builds. */
export interface Project {
  readonly id: string;
  readonly tenantId: string;
  readonly name: string;
  readonly gitRepositoryUrl: string;
  readonly gitBranch: string;
  readonly dockerfilePath: string;
  readonly buildContext: string;
  readonly registryRepo: string | undefined;
  readonly registryAuthId: string | undefined;
  readonly repositoryAuthId: string | undefined;
  readonly buildTimeoutMinutes: number;
  /** Undefined: the tenant's. */
  readonly queueTimeoutMinutes: number | undefined;
  /** Undefined: the tenant's. */
  readonly startLimitMinutes: number | undefined;
  /** Builds of it that run at once; undefined: as many as the tenant may. */
  readonly maxConcurrentBuilds: number | undefined;
  /** What builds of it that had run out of something succeeded with; for builds that ask for none. */
  readonly learnedMemoryBytes: number | undefined;
  readonly learnedEphemeralStorageBytes: number | undefined;
  readonly learnedWorkspaceBytes: number | undefined;
  /** Counts changes; the ETag is made of it. */
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** What a tenant may set; null clears an optional field. */
export interface ProjectChange {
  readonly name?: string | undefined;
  readonly gitRepositoryUrl?: string | undefined;
  readonly gitBranch?: string | undefined;
  readonly dockerfilePath?: string | undefined;
  readonly buildContext?: string | undefined;
  readonly registryRepo?: string | null | undefined;
  readonly registryAuthId?: string | null | undefined;
  readonly repositoryAuthId?: string | null | undefined;
  readonly buildTimeoutMinutes?: number | undefined;
  readonly queueTimeoutMinutes?: number | null | undefined;
  readonly startLimitMinutes?: number | null | undefined;
  readonly maxConcurrentBuilds?: number | null | undefined;
}

/** A row of `projects`. */
export interface ProjectRow {
  id: string;
  tenant_id: string;
  name: string;
  git_repository_url: string;
  git_branch: string;
  dockerfile_path: string;
  build_context: string;
  registry_repo: string | null;
  registry_auth_id: string | null;
  repository_auth_id: string | null;
  build_timeout_minutes: number;
  queue_timeout_minutes: number | null;
  start_limit_minutes: number | null;
  learned_memory_bytes: number | null;
  learned_ephemeral_storage_bytes: number | null;
  learned_workspace_bytes: number | null;
  max_concurrent_builds: number | null;
  version: number;
  created_at: Date;
  updated_at: Date;
}

export const PROJECT_COLUMNS = {
  name: 'name',
  gitRepositoryUrl: 'git_repository_url',
  gitBranch: 'git_branch',
  dockerfilePath: 'dockerfile_path',
  buildContext: 'build_context',
  registryRepo: 'registry_repo',
  registryAuthId: 'registry_auth_id',
  repositoryAuthId: 'repository_auth_id',
  buildTimeoutMinutes: 'build_timeout_minutes',
  queueTimeoutMinutes: 'queue_timeout_minutes',
  startLimitMinutes: 'start_limit_minutes',
  maxConcurrentBuilds: 'max_concurrent_builds',
} as const;

export function toProject(row: ProjectRow): Project {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    name: row.name,
    gitRepositoryUrl: row.git_repository_url,
    gitBranch: row.git_branch,
    dockerfilePath: row.dockerfile_path,
    buildContext: row.build_context,
    registryRepo: orUndefined(row.registry_repo),
    registryAuthId: orUndefined(row.registry_auth_id),
    repositoryAuthId: orUndefined(row.repository_auth_id),
    buildTimeoutMinutes: row.build_timeout_minutes,
    queueTimeoutMinutes: orUndefined(row.queue_timeout_minutes),
    startLimitMinutes: orUndefined(row.start_limit_minutes),
    learnedMemoryBytes: orUndefined(row.learned_memory_bytes),
    learnedEphemeralStorageBytes: orUndefined(row.learned_ephemeral_storage_bytes),
    learnedWorkspaceBytes: orUndefined(row.learned_workspace_bytes),
    maxConcurrentBuilds: orUndefined(row.max_concurrent_builds),
    version: row.version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
