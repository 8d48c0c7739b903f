import { Column, Entity, PrimaryColumn } from 'typeorm';

/* Row shapes; the migrations are the schema, and a test compares the two. */

/** Row of `providers`. */
@Entity('providers')
export class ProviderEntity {
  @PrimaryColumn({ type: 'uuid' })
  readonly id!: string;

  @Column({ type: 'text' })
  readonly name!: string;

  @Column({ type: 'text', name: 'provider_type' })
  readonly providerType!: string;

  @Column({ type: 'text' })
  readonly source!: string;

  @Column({ type: 'boolean', name: 'is_global' })
  readonly isGlobal!: boolean;

  @Column({ type: 'boolean', name: 'is_default' })
  readonly isDefault!: boolean;

  @Column({ type: 'text' })
  readonly state!: string;

  @Column({ type: 'timestamptz', name: 'drain_deadline_at', nullable: true })
  readonly drainDeadlineAt!: Date | null;

  @Column({ type: 'text', name: 'state_reason', nullable: true })
  readonly stateReason!: string | null;

  @Column({ type: 'text', name: 'state_changed_by', nullable: true })
  readonly stateChangedBy!: string | null;

  @Column({ type: 'timestamptz', name: 'state_changed_at', nullable: true })
  readonly stateChangedAt!: Date | null;

  @Column({ type: 'integer' })
  readonly generation!: number;

  @Column({ type: 'jsonb' })
  readonly settings!: Record<string, unknown>;

  @Column({ type: 'bytea', name: 'credential_sealed', nullable: true })
  readonly credentialSealed!: Buffer | null;

  @Column({ type: 'text', name: 'credential_key_id', nullable: true })
  readonly credentialKeyId!: string | null;

  @Column({ type: 'text', name: 'credential_fingerprint', nullable: true })
  readonly credentialFingerprint!: string | null;

  @Column({ type: 'integer', name: 'credential_version' })
  readonly credentialVersion!: number;

  @Column({ type: 'timestamptz', name: 'credential_expires_at', nullable: true })
  readonly credentialExpiresAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'credential_last_used_at', nullable: true })
  readonly credentialLastUsedAt!: Date | null;

  @Column({ type: 'text', array: true })
  readonly capabilities!: string[];

  @Column({ type: 'jsonb' })
  readonly labels!: Record<string, unknown>;

  @Column({ type: 'integer', name: 'max_concurrent_builds' })
  readonly maxConcurrentBuilds!: number;

  @Column({ type: 'integer' })
  readonly running!: number;

  @Column({ type: 'integer' })
  readonly unswept!: number;

  @Column({ type: 'boolean', name: 'sweep_behind' })
  readonly sweepBehind!: boolean;

  @Column({ type: 'text', nullable: true })
  readonly region!: string | null;

  @Column({ type: 'numeric', name: 'price_per_minute', nullable: true })
  readonly pricePerMinute!: string | null;

  @Column({ type: 'boolean', name: 'allow_privileged' })
  readonly allowPrivileged!: boolean;

  @Column({ type: 'integer', name: 'shard_count' })
  readonly shardCount!: number;

  @Column({ type: 'text', name: 'cluster_uid', nullable: true })
  readonly clusterUid!: string | null;

  @Column({ type: 'uuid' })
  readonly nonce!: string;

  @Column({ type: 'uuid', name: 'previous_nonce', nullable: true })
  readonly previousNonce!: string | null;

  @Column({ type: 'timestamptz', name: 'nonce_rolled_at' })
  readonly nonceRolledAt!: Date;

  @Column({ type: 'text' })
  readonly health!: string;

  @Column({ type: 'boolean', name: 'tekton_answers' })
  readonly tektonAnswers!: boolean;

  @Column({ type: 'boolean', name: 'watch_fresh' })
  readonly watchFresh!: boolean;

  @Column({ type: 'timestamptz', name: 'first_loss_at', nullable: true })
  readonly firstLossAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'probed_at', nullable: true })
  readonly probedAt!: Date | null;

  @Column({ type: 'uuid', name: 'probe_owner', nullable: true })
  readonly probeOwner!: string | null;

  @Column({ type: 'timestamptz', name: 'probe_due_at' })
  readonly probeDueAt!: Date;

  @Column({ type: 'jsonb', name: 'last_probe', nullable: true })
  readonly lastProbe!: Record<string, unknown> | null;

  @Column({ type: 'integer', name: 'health_streak' })
  readonly healthStreak!: number;

  @Column({ type: 'timestamptz', name: 'detail_probed_at', nullable: true })
  readonly detailProbedAt!: Date | null;

  @Column({ type: 'integer', name: 'detail_generation', nullable: true })
  readonly detailGeneration!: number | null;

  @Column({ type: 'jsonb', name: 'source_ref', nullable: true })
  readonly sourceRef!: Record<string, unknown> | null;

  @Column({ type: 'timestamptz', name: 'retired_at', nullable: true })
  readonly retiredAt!: Date | null;

  @Column({ type: 'text', name: 'retired_state', nullable: true })
  readonly retiredState!: string | null;

  @Column({ type: 'jsonb', nullable: true })
  readonly detected!: Record<string, unknown> | null;

  @Column({ type: 'timestamptz', name: 'detect_due_at' })
  readonly detectDueAt!: Date;

  @Column({ type: 'timestamptz', name: 'created_at' })
  readonly createdAt!: Date;

  @Column({ type: 'timestamptz', name: 'updated_at' })
  readonly updatedAt!: Date;
}

/** Row of `provider_permissions`. */
@Entity('provider_permissions')
export class ProviderPermissionEntity {
  @PrimaryColumn({ type: 'uuid', name: 'provider_id' })
  readonly providerId!: string;

  @PrimaryColumn({ type: 'uuid', name: 'tenant_id' })
  readonly tenantId!: string;

  @Column({ type: 'text', name: 'granted_by' })
  readonly grantedBy!: string;

  @Column({ type: 'timestamptz', name: 'granted_at' })
  readonly grantedAt!: Date;

  @Column({ type: 'timestamptz', name: 'expires_at', nullable: true })
  readonly expiresAt!: Date | null;
}

/** Row of `provider_conditions`. */
@Entity('provider_conditions')
export class ProviderConditionEntity {
  @PrimaryColumn({ type: 'uuid', name: 'provider_id' })
  readonly providerId!: string;

  @PrimaryColumn({ type: 'text' })
  readonly type!: string;

  @Column({ type: 'text' })
  readonly status!: string;

  @Column({ type: 'text' })
  readonly reason!: string;

  @Column({ type: 'text' })
  readonly message!: string;

  @Column({ type: 'timestamptz', name: 'last_transition_at' })
  readonly lastTransitionAt!: Date;
}

/** Row of `dispatchers`. */
@Entity('dispatchers')
export class DispatcherEntity {
  @PrimaryColumn({ type: 'uuid' })
  readonly id!: string;

  @Column({ type: 'text' })
  readonly host!: string;

  @Column({ type: 'text' })
  readonly version!: string;

  @Column({ type: 'text' })
  readonly state!: string;

  @Column({ type: 'integer' })
  readonly slots!: number;

  @Column({ type: 'integer', name: 'slots_used' })
  readonly slotsUsed!: number;

  @Column({ type: 'timestamptz', name: 'started_at' })
  readonly startedAt!: Date;

  @Column({ type: 'timestamptz', name: 'heartbeat_at' })
  readonly heartbeatAt!: Date;

  @Column({ type: 'timestamptz', name: 'lease_until' })
  readonly leaseUntil!: Date;

  @Column({ type: 'jsonb' })
  readonly metrics!: Record<string, unknown>;

  @Column({ type: 'uuid', name: 'unreachable_providers', array: true })
  readonly unreachableProviders!: string[];
}

/** Row of `cluster_shards`. */
@Entity('cluster_shards')
export class ClusterShardEntity {
  @PrimaryColumn({ type: 'uuid', name: 'provider_id' })
  readonly providerId!: string;

  @PrimaryColumn({ type: 'text' })
  readonly host!: string;

  @PrimaryColumn({ type: 'integer' })
  readonly shard!: number;

  @Column({ type: 'uuid', nullable: true })
  readonly owner!: string | null;

  @Column({ type: 'uuid', nullable: true })
  readonly token!: string | null;

  @Column({ type: 'bigint', name: 'acquired_count' })
  readonly acquiredCount!: number;

  @Column({ type: 'timestamptz', name: 'acquired_at', nullable: true })
  readonly acquiredAt!: Date | null;

  @Column({ type: 'text', name: 'compared_identity', nullable: true })
  readonly comparedIdentity!: string | null;

  @Column({ type: 'timestamptz', name: 'freed_at', nullable: true })
  readonly freedAt!: Date | null;
}

/** Row of `tenant_namespaces`. */
@Entity('tenant_namespaces')
export class TenantNamespaceEntity {
  @PrimaryColumn({ type: 'uuid', name: 'provider_id' })
  readonly providerId!: string;

  @PrimaryColumn({ type: 'uuid', name: 'tenant_id' })
  readonly tenantId!: string;

  @Column({ type: 'text', name: 'cluster_uid' })
  readonly clusterUid!: string;

  @Column({ type: 'text' })
  readonly name!: string;

  @Column({ type: 'text' })
  readonly uid!: string;

  @Column({ type: 'text', name: 'content_hash' })
  readonly contentHash!: string;

  @Column({ type: 'timestamptz', name: 'ensured_at' })
  readonly ensuredAt!: Date;
}
