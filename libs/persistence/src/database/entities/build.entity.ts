import { Column, Entity, PrimaryColumn } from 'typeorm';

/* Row shapes; the migrations are the schema, and a test compares the two. */

/** Row of `builds`. */
@Entity('builds')
export class BuildEntity {
  @PrimaryColumn({ type: 'uuid' })
  readonly id!: string;

  @Column({ type: 'bigint', insert: false, update: false })
  readonly ordinal!: number;

  @Column({ type: 'uuid', name: 'tenant_id' })
  readonly tenantId!: string;

  @Column({ type: 'uuid', name: 'project_id' })
  readonly projectId!: string;

  @Column({ type: 'integer', name: 'build_number' })
  readonly buildNumber!: number;

  @Column({ type: 'text' })
  readonly status!: string;

  @Column({ type: 'text', nullable: true })
  readonly reason!: string | null;

  @Column({ type: 'text', nullable: true })
  readonly message!: string | null;

  @Column({ type: 'bigint', name: 'queue_key', nullable: true })
  readonly queueKey!: number | null;

  @Column({ type: 'text', nullable: true })
  readonly parked!: string | null;

  @Column({ type: 'text', name: 'parked_message', nullable: true })
  readonly parkedMessage!: string | null;

  @Column({ type: 'timestamptz', name: 'parked_wake_at', nullable: true })
  readonly parkedWakeAt!: Date | null;

  @Column({ type: 'text', name: 'parked_wake_on', nullable: true })
  readonly parkedWakeOn!: string | null;

  @Column({ type: 'text', name: 'build_method' })
  readonly buildMethod!: string;

  @Column({ type: 'text', name: 'infrastructure_type' })
  readonly infrastructureType!: string;

  @Column({ type: 'uuid', name: 'requested_provider_id', nullable: true })
  readonly requestedProviderId!: string | null;

  @Column({ type: 'integer' })
  readonly priority!: number;

  @Column({ type: 'integer' })
  readonly attempt!: number;

  @Column({ type: 'integer' })
  readonly bounces!: number;

  @Column({ type: 'timestamptz', name: 'not_before', nullable: true })
  readonly notBefore!: Date | null;

  @Column({ type: 'integer', name: 'build_timeout_minutes' })
  readonly buildTimeoutMinutes!: number;

  @Column({ type: 'integer', name: 'queue_timeout_minutes' })
  readonly queueTimeoutMinutes!: number;

  @Column({ type: 'integer', name: 'start_limit_minutes' })
  readonly startLimitMinutes!: number;

  @Column({ type: 'text', name: 'git_branch', nullable: true })
  readonly gitBranch!: string | null;

  @Column({ type: 'text', name: 'git_commit', nullable: true })
  readonly gitCommit!: string | null;

  @Column({ type: 'text', array: true })
  readonly tags!: string[];

  @Column({ type: 'text', name: 'image_repository', nullable: true })
  readonly imageRepository!: string | null;

  @Column({ type: 'text', name: 'image_digest', nullable: true })
  readonly imageDigest!: string | null;

  @Column({ type: 'uuid', name: 'retry_of', nullable: true })
  readonly retryOf!: string | null;

  @Column({ type: 'text', name: 'concurrency_key', nullable: true })
  readonly concurrencyKey!: string | null;

  @Column({ type: 'text', name: 'concurrency_policy', nullable: true })
  readonly concurrencyPolicy!: string | null;

  @Column({ type: 'text', name: 'live_key', nullable: true, insert: false, update: false })
  readonly liveKey!: string | null;

  @Column({ type: 'bigint', name: 'parked_order', nullable: true, insert: false, update: false })
  readonly parkedOrder!: number | null;

  @Column({ type: 'integer', name: 'cpu_millis' })
  readonly cpuMillis!: number;

  @Column({ type: 'bigint', name: 'memory_bytes' })
  readonly memoryBytes!: number;

  @Column({ type: 'integer', name: 'cpu_limit_millis', nullable: true })
  readonly cpuLimitMillis!: number | null;

  @Column({ type: 'bigint', name: 'memory_limit_bytes', nullable: true })
  readonly memoryLimitBytes!: number | null;

  @Column({ type: 'bigint', name: 'ephemeral_storage_bytes', nullable: true })
  readonly ephemeralStorageBytes!: number | null;

  @Column({ type: 'bigint', name: 'ephemeral_storage_limit_bytes', nullable: true })
  readonly ephemeralStorageLimitBytes!: number | null;

  @Column({ type: 'bigint', name: 'workspace_bytes', nullable: true })
  readonly workspaceBytes!: number | null;

  @Column({ type: 'text', nullable: true })
  readonly traceparent!: string | null;

  @Column({ type: 'text', name: 'created_by' })
  readonly createdBy!: string;

  @Column({ type: 'timestamptz', name: 'created_at' })
  readonly createdAt!: Date;

  @Column({ type: 'timestamptz', name: 'queued_at' })
  readonly queuedAt!: Date;

  @Column({ type: 'double precision', name: 'queued_seconds' })
  readonly queuedSeconds!: number;

  @Column({ type: 'bigint', name: 'queue_deadline', nullable: true, insert: false, update: false })
  readonly queueDeadline!: number | null;

  @Column({ type: 'timestamptz', name: 'started_at', nullable: true })
  readonly startedAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'finished_at', nullable: true })
  readonly finishedAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'cancel_requested_at', nullable: true })
  readonly cancelRequestedAt!: Date | null;

  @Column({ type: 'text', name: 'cancel_requested_by', nullable: true })
  readonly cancelRequestedBy!: string | null;

  @Column({ type: 'text', name: 'cancel_reason', nullable: true })
  readonly cancelReason!: string | null;

  @Column({ type: 'text', name: 'cancel_intent', nullable: true })
  readonly cancelIntent!: string | null;
}

/** Row of `build_configs`. */
@Entity('build_configs')
export class BuildConfigEntity {
  @PrimaryColumn({ type: 'uuid', name: 'build_id' })
  readonly buildId!: string;

  @Column({ type: 'text', name: 'build_method' })
  readonly buildMethod!: string;

  @Column({ type: 'text', name: 'dockerfile_path', nullable: true })
  readonly dockerfilePath!: string | null;

  @Column({ type: 'text', name: 'build_context', nullable: true })
  readonly buildContext!: string | null;

  @Column({ type: 'text', nullable: true })
  readonly target!: string | null;

  @Column({ type: 'jsonb', name: 'build_args' })
  readonly buildArgs!: Record<string, unknown>;

  @Column({ type: 'text', array: true })
  readonly platforms!: string[];

  @Column({ type: 'text', name: 'cache_repo', nullable: true })
  readonly cacheRepo!: string | null;

  @Column({ type: 'jsonb' })
  readonly metadata!: Record<string, unknown>;

  @Column({ type: 'text', name: 'packer_template', nullable: true })
  readonly packerTemplate!: string | null;

  @Column({ type: 'jsonb' })
  readonly variables!: Record<string, unknown>;
}

/** Row of `build_specs`. */
@Entity('build_specs')
export class BuildSpecEntity {
  @PrimaryColumn({ type: 'uuid', name: 'build_id' })
  readonly buildId!: string;

  @Column({ type: 'jsonb' })
  readonly request!: Record<string, unknown>;

  @Column({ type: 'text', name: 'git_repository_url' })
  readonly gitRepositoryUrl!: string;

  @Column({ type: 'uuid', name: 'registry_auth_id', nullable: true })
  readonly registryAuthId!: string | null;

  @Column({ type: 'uuid', name: 'repository_auth_id', nullable: true })
  readonly repositoryAuthId!: string | null;
}
