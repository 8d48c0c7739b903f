import { Column, Entity, PrimaryColumn } from 'typeorm';

/* Row shapes; the migrations are the schema, and a test compares the two. */

/** Row of `installation`. */
@Entity('installation')
export class InstallationEntity {
  @PrimaryColumn({ type: 'boolean' })
  readonly singleton!: boolean;

  @Column({ type: 'uuid' })
  readonly id!: string;

  @Column({ type: 'boolean', name: 'dispatch_paused' })
  readonly dispatchPaused!: boolean;

  @Column({ type: 'text', name: 'dispatch_paused_reason', nullable: true })
  readonly dispatchPausedReason!: string | null;

  @Column({ type: 'integer', name: 'max_concurrent_builds', nullable: true })
  readonly maxConcurrentBuilds!: number | null;

  @Column({ type: 'timestamptz', name: 'created_at' })
  readonly createdAt!: Date;

  @Column({ type: 'text', name: 'database_identity', nullable: true })
  readonly databaseIdentity!: string | null;
}

/** Row of `tenants`. */
@Entity('tenants')
export class TenantEntity {
  @PrimaryColumn({ type: 'uuid' })
  readonly id!: string;

  @Column({ type: 'text' })
  readonly name!: string;

  @Column({ type: 'boolean' })
  readonly enabled!: boolean;

  @Column({ type: 'integer', name: 'max_concurrent_builds' })
  readonly maxConcurrentBuilds!: number;

  @Column({ type: 'integer', name: 'guaranteed_builds' })
  readonly guaranteedBuilds!: number;

  @Column({ type: 'integer', name: 'max_queued_builds' })
  readonly maxQueuedBuilds!: number;

  @Column({ type: 'integer' })
  readonly weight!: number;

  @Column({ type: 'integer', name: 'max_priority' })
  readonly maxPriority!: number;

  @Column({ type: 'text', name: 'max_cpu', nullable: true })
  readonly maxCpu!: string | null;

  @Column({ type: 'text', name: 'max_memory', nullable: true })
  readonly maxMemory!: string | null;

  @Column({ type: 'text', name: 'max_ephemeral_storage', nullable: true })
  readonly maxEphemeralStorage!: string | null;

  @Column({ type: 'text', name: 'max_workspace_size', nullable: true })
  readonly maxWorkspaceSize!: string | null;

  @Column({ type: 'integer', name: 'queue_timeout_minutes' })
  readonly queueTimeoutMinutes!: number;

  @Column({ type: 'integer', name: 'start_limit_minutes' })
  readonly startLimitMinutes!: number;

  @Column({ type: 'integer', name: 'max_build_timeout_minutes' })
  readonly maxBuildTimeoutMinutes!: number;

  @Column({ type: 'boolean', name: 'tekton_enabled' })
  readonly tektonEnabled!: boolean;

  @Column({ type: 'text', name: 'allowed_methods', array: true })
  readonly allowedMethods!: string[];

  @Column({ type: 'text', array: true })
  readonly capabilities!: string[];

  @Column({ type: 'timestamptz', name: 'created_at' })
  readonly createdAt!: Date;

  @Column({ type: 'timestamptz', name: 'updated_at' })
  readonly updatedAt!: Date;
}

/** Row of `lanes`. */
@Entity('lanes')
export class LaneEntity {
  @PrimaryColumn({ type: 'uuid', name: 'tenant_id' })
  readonly tenantId!: string;

  @Column({ type: 'integer', name: 'max_running' })
  readonly maxRunning!: number;

  @Column({ type: 'integer' })
  readonly weight!: number;

  @Column({ type: 'integer' })
  readonly queued!: number;

  @Column({ type: 'integer' })
  readonly parked!: number;

  @Column({ type: 'integer' })
  readonly running!: number;

  @Column({ type: 'integer' })
  readonly guaranteed!: number;

  @Column({ type: 'bigint', name: 'running_cpu' })
  readonly runningCpu!: number;

  @Column({ type: 'bigint', name: 'running_memory' })
  readonly runningMemory!: number;

  @Column({ type: 'double precision' })
  readonly served!: number;

  @Column({ type: 'timestamptz', name: 'served_at' })
  readonly servedAt!: Date;

  @Column({ type: 'boolean', insert: false, update: false })
  readonly ready!: boolean;
}

/** Row of `registry_auths`. */
@Entity('registry_auths')
export class RegistryAuthEntity {
  @PrimaryColumn({ type: 'uuid' })
  readonly id!: string;

  @Column({ type: 'uuid', name: 'tenant_id' })
  readonly tenantId!: string;

  @Column({ type: 'text' })
  readonly name!: string;

  @Column({ type: 'text' })
  readonly type!: string;

  @Column({ type: 'bytea' })
  readonly sealed!: Buffer;

  @Column({ type: 'text', name: 'key_id' })
  readonly keyId!: string;

  @Column({ type: 'text' })
  readonly fingerprint!: string;

  @Column({ type: 'timestamptz', name: 'created_at' })
  readonly createdAt!: Date;
}

/** Row of `repository_auths`. */
@Entity('repository_auths')
export class RepositoryAuthEntity {
  @PrimaryColumn({ type: 'uuid' })
  readonly id!: string;

  @Column({ type: 'uuid', name: 'tenant_id' })
  readonly tenantId!: string;

  @Column({ type: 'text' })
  readonly name!: string;

  @Column({ type: 'text' })
  readonly type!: string;

  @Column({ type: 'bytea' })
  readonly sealed!: Buffer;

  @Column({ type: 'text', name: 'key_id' })
  readonly keyId!: string;

  @Column({ type: 'text' })
  readonly fingerprint!: string;

  @Column({ type: 'timestamptz', name: 'created_at' })
  readonly createdAt!: Date;
}

/** Row of `projects`. */
@Entity('projects')
export class ProjectEntity {
  @PrimaryColumn({ type: 'uuid' })
  readonly id!: string;

  @Column({ type: 'uuid', name: 'tenant_id' })
  readonly tenantId!: string;

  @Column({ type: 'text' })
  readonly name!: string;

  @Column({ type: 'text', name: 'git_repository_url' })
  readonly gitRepositoryUrl!: string;

  @Column({ type: 'text', name: 'git_branch' })
  readonly gitBranch!: string;

  @Column({ type: 'text', name: 'dockerfile_path' })
  readonly dockerfilePath!: string;

  @Column({ type: 'text', name: 'build_context' })
  readonly buildContext!: string;

  @Column({ type: 'text', name: 'registry_repo', nullable: true })
  readonly registryRepo!: string | null;

  @Column({ type: 'uuid', name: 'registry_auth_id', nullable: true })
  readonly registryAuthId!: string | null;

  @Column({ type: 'uuid', name: 'repository_auth_id', nullable: true })
  readonly repositoryAuthId!: string | null;

  @Column({ type: 'integer', name: 'queue_timeout_minutes', nullable: true })
  readonly queueTimeoutMinutes!: number | null;

  @Column({ type: 'bigint', name: 'learned_memory_bytes', nullable: true })
  readonly learnedMemoryBytes!: number | null;

  @Column({ type: 'bigint', name: 'learned_ephemeral_storage_bytes', nullable: true })
  readonly learnedEphemeralStorageBytes!: number | null;

  @Column({ type: 'bigint', name: 'learned_workspace_bytes', nullable: true })
  readonly learnedWorkspaceBytes!: number | null;

  @Column({ type: 'integer', name: 'start_limit_minutes', nullable: true })
  readonly startLimitMinutes!: number | null;

  @Column({ type: 'integer', name: 'build_timeout_minutes' })
  readonly buildTimeoutMinutes!: number;

  @Column({ type: 'integer', name: 'max_concurrent_builds', nullable: true })
  readonly maxConcurrentBuilds!: number | null;

  @Column({ type: 'integer', name: 'next_build_number' })
  readonly nextBuildNumber!: number;

  @Column({ type: 'integer' })
  readonly version!: number;

  @Column({ type: 'timestamptz', name: 'created_at' })
  readonly createdAt!: Date;

  @Column({ type: 'timestamptz', name: 'updated_at' })
  readonly updatedAt!: Date;

  @Column({ type: 'timestamptz', name: 'deleted_at', nullable: true })
  readonly deletedAt!: Date | null;
}

/** Row of `api_keys`. */
@Entity('api_keys')
export class ApiKeyEntity {
  @PrimaryColumn({ type: 'uuid' })
  readonly id!: string;

  @Column({ type: 'text' })
  readonly name!: string;

  @Column({ type: 'text' })
  readonly role!: string;

  @Column({ type: 'uuid', name: 'tenant_id', nullable: true })
  readonly tenantId!: string | null;

  @Column({ type: 'bytea', name: 'key_hash' })
  readonly keyHash!: Buffer;

  @Column({ type: 'text', name: 'created_by' })
  readonly createdBy!: string;

  @Column({ type: 'timestamptz', name: 'created_at' })
  readonly createdAt!: Date;

  @Column({ type: 'timestamptz', name: 'expires_at', nullable: true })
  readonly expiresAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'revoked_at', nullable: true })
  readonly revokedAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'last_used_at', nullable: true })
  readonly lastUsedAt!: Date | null;
}

/** Row of `project_lanes`: there for projects with a limit of their own. */
@Entity('project_lanes')
export class ProjectLaneEntity {
  @PrimaryColumn({ type: 'uuid', name: 'project_id' })
  readonly projectId!: string;

  @Column({ type: 'uuid', name: 'tenant_id' })
  readonly tenantId!: string;

  @Column({ type: 'integer', name: 'max_running' })
  readonly maxRunning!: number;

  @Column({ type: 'integer' })
  readonly running!: number;
}
