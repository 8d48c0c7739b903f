import { Column, Entity, PrimaryColumn } from 'typeorm';

/* Row shapes; the migrations are the schema, and a test compares the two. */

/** Row of `build_executions`. */
@Entity('build_executions')
export class BuildExecutionEntity {
  @PrimaryColumn({ type: 'uuid' })
  readonly id!: string;

  @Column({ type: 'uuid', name: 'build_id' })
  readonly buildId!: string;

  @Column({ type: 'uuid', name: 'tenant_id' })
  readonly tenantId!: string;

  @Column({ type: 'integer' })
  readonly attempt!: number;

  @Column({ type: 'text' })
  readonly state!: string;

  @Column({ type: 'uuid' })
  readonly owner!: string;

  @Column({ type: 'uuid', name: 'claim_token' })
  readonly claimToken!: string;

  @Column({ type: 'integer', name: 'cpu_millis' })
  readonly cpuMillis!: number;

  @Column({ type: 'bigint', name: 'memory_bytes' })
  readonly memoryBytes!: number;

  @Column({ type: 'text', name: 'concurrency_group', nullable: true })
  readonly concurrencyGroup!: string | null;

  @Column({ type: 'uuid', name: 'provider_id', nullable: true })
  readonly providerId!: string | null;

  @Column({ type: 'integer', name: 'provider_generation', nullable: true })
  readonly providerGeneration!: number | null;

  @Column({ type: 'text' })
  readonly host!: string;

  @Column({ type: 'integer', nullable: true })
  readonly shard!: number | null;

  @Column({ type: 'text', name: 'cluster_uid', nullable: true })
  readonly clusterUid!: string | null;

  @Column({ type: 'text', nullable: true })
  readonly namespace!: string | null;

  @Column({ type: 'text', name: 'namespace_uid', nullable: true })
  readonly namespaceUid!: string | null;

  @Column({ type: 'text', name: 'pipeline_run_name', nullable: true })
  readonly pipelineRunName!: string | null;

  @Column({ type: 'text', name: 'pipeline_run_uid', nullable: true })
  readonly pipelineRunUid!: string | null;

  @Column({ type: 'text', nullable: true })
  readonly document!: string | null;

  @Column({ type: 'text', name: 'document_hash', nullable: true })
  readonly documentHash!: string | null;

  @Column({ type: 'timestamptz', name: 'create_unknown_since', nullable: true })
  readonly createUnknownSince!: Date | null;

  @Column({ type: 'text', name: 'waiting_reason', nullable: true })
  readonly waitingReason!: string | null;

  @Column({ type: 'text', name: 'waiting_message', nullable: true })
  readonly waitingMessage!: string | null;

  @Column({ type: 'text', name: 'stop_intent', nullable: true })
  readonly stopIntent!: string | null;

  @Column({ type: 'timestamptz', name: 'stop_requested_at', nullable: true })
  readonly stopRequestedAt!: Date | null;

  @Column({ type: 'text', nullable: true })
  readonly outcome!: string | null;

  @Column({ type: 'text', nullable: true })
  readonly reason!: string | null;

  @Column({ type: 'text', nullable: true })
  readonly message!: string | null;

  @Column({ type: 'text', nullable: true })
  readonly fault!: string | null;

  @Column({ type: 'text', name: 'image_digest', nullable: true })
  readonly imageDigest!: string | null;

  @Column({ type: 'jsonb' })
  readonly results!: Record<string, unknown>;

  @Column({ type: 'jsonb', name: 'final_document', nullable: true })
  readonly finalDocument!: Record<string, unknown> | null;

  @Column({ type: 'timestamptz', name: 'claimed_at' })
  readonly claimedAt!: Date;

  @Column({ type: 'timestamptz', name: 'placed_at', nullable: true })
  readonly placedAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'created_at', nullable: true })
  readonly createdAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'first_step_started_at', nullable: true })
  readonly firstStepStartedAt!: Date | null;

  @Column({ type: 'double precision', name: 'run_seconds' })
  readonly runSeconds!: number;

  @Column({ type: 'timestamptz', name: 'run_since', nullable: true })
  readonly runSince!: Date | null;

  @Column({ type: 'double precision', name: 'start_seconds' })
  readonly startSeconds!: number;

  @Column({ type: 'timestamptz', name: 'ended_at', nullable: true })
  readonly endedAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'outcome_at', nullable: true })
  readonly outcomeAt!: Date | null;

  @Column({ type: 'boolean', name: 'slot_held' })
  readonly slotHeld!: boolean;

  @Column({ type: 'timestamptz', name: 'pods_over_at', nullable: true })
  readonly podsOverAt!: Date | null;

  @Column({ type: 'boolean', name: 'pods_presumed_over', default: false })
  readonly podsPresumedOver!: boolean;

  @Column({ type: 'timestamptz', name: 'credentials_removed_at', nullable: true })
  readonly credentialsRemovedAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'log_sealed_at', nullable: true })
  readonly logSealedAt!: Date | null;

  @Column({ type: 'text', name: 'log_gap', nullable: true })
  readonly logGap!: string | null;

  @Column({ type: 'date', name: 'log_day', nullable: true })
  readonly logDay!: string | null;

  @Column({ type: 'timestamptz', name: 'promoted_at', nullable: true })
  readonly promotedAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'finished_at', nullable: true })
  readonly finishedAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'swept_at', nullable: true })
  readonly sweptAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'first_loss_at', nullable: true })
  readonly firstLossAt!: Date | null;

  @Column({ type: 'text', name: 'failure_class', nullable: true })
  readonly failureClass!: string | null;

  @Column({ type: 'text', name: 'retry_decision', nullable: true })
  readonly retryDecision!: string | null;

  @Column({ type: 'text', name: 'retry_reason', nullable: true })
  readonly retryReason!: string | null;

  @Column({ type: 'text', name: 'retry_message', nullable: true })
  readonly retryMessage!: string | null;

  @Column({ type: 'timestamptz', name: 'next_attempt_at', nullable: true })
  readonly nextAttemptAt!: Date | null;

  @Column({ type: 'boolean' })
  readonly avoided!: boolean;

  @Column({ type: 'bigint', name: 'ephemeral_storage_limit_bytes', nullable: true })
  readonly ephemeralStorageLimitBytes!: number | null;

  @Column({ type: 'bigint', name: 'workspace_bytes', nullable: true })
  readonly workspaceBytes!: number | null;

  @Column({ type: 'text', name: 'node_name', nullable: true })
  readonly nodeName!: string | null;
}

/** Row of `placement_decisions`. */
@Entity('placement_decisions')
export class PlacementDecisionEntity {
  @PrimaryColumn({ type: 'uuid', name: 'execution_id' })
  readonly executionId!: string;

  @Column({ type: 'uuid', name: 'build_id' })
  readonly buildId!: string;

  @Column({ type: 'integer' })
  readonly attempt!: number;

  @Column({ type: 'jsonb' })
  readonly decision!: Record<string, unknown>;

  @Column({ type: 'timestamptz', name: 'decided_at' })
  readonly decidedAt!: Date;
}

/** Row of `build_events`. */
@Entity('build_events')
export class BuildEventEntity {
  @PrimaryColumn({ type: 'uuid', name: 'build_id' })
  readonly buildId!: string;

  /** Counts over all builds; after the build's id in the key, because timelines are read by build. */
  @PrimaryColumn({ type: 'bigint', insert: false, update: false })
  readonly id!: number;

  @Column({ type: 'uuid', name: 'tenant_id' })
  readonly tenantId!: string;

  @Column({ type: 'uuid', name: 'execution_id', nullable: true })
  readonly executionId!: string | null;

  @Column({ type: 'integer', nullable: true })
  readonly attempt!: number | null;

  @Column({ type: 'text' })
  readonly subject!: string;

  @Column({ type: 'text', name: 'from_state', nullable: true })
  readonly fromState!: string | null;

  @Column({ type: 'text', name: 'to_state', nullable: true })
  readonly toState!: string | null;

  @Column({ type: 'text', nullable: true })
  readonly reason!: string | null;

  @Column({ type: 'text', nullable: true })
  readonly message!: string | null;

  @Column({ type: 'text' })
  readonly actor!: string;

  @Column({ type: 'timestamptz', name: 'occurred_at' })
  readonly occurredAt!: Date;
}

/** Row of `build_artifacts`. */
@Entity('build_artifacts')
export class BuildArtifactEntity {
  @PrimaryColumn({ type: 'uuid' })
  readonly id!: string;

  @Column({ type: 'uuid', name: 'build_id' })
  readonly buildId!: string;

  @Column({ type: 'uuid', name: 'execution_id' })
  readonly executionId!: string;

  @Column({ type: 'text' })
  readonly name!: string;

  @Column({ type: 'text' })
  readonly type!: string;

  @Column({ type: 'text' })
  readonly uri!: string;

  @Column({ type: 'text', nullable: true })
  readonly digest!: string | null;

  @Column({ type: 'bigint', name: 'size_bytes', nullable: true })
  readonly sizeBytes!: number | null;

  @Column({ type: 'text', nullable: true })
  readonly platform!: string | null;

  @Column({ type: 'timestamptz', name: 'created_at' })
  readonly createdAt!: Date;
}

/** Row of `image_tags`. */
@Entity('image_tags')
export class ImageTagEntity {
  @PrimaryColumn({ type: 'text' })
  readonly repository!: string;

  @PrimaryColumn({ type: 'text' })
  readonly tag!: string;

  @Column({ type: 'uuid', name: 'build_id' })
  readonly buildId!: string;

  @Column({ type: 'bigint', name: 'build_ordinal' })
  readonly buildOrdinal!: number;

  @Column({ type: 'text' })
  readonly digest!: string;

  @Column({ type: 'text' })
  readonly state!: string;

  @Column({ type: 'timestamptz', name: 'updated_at' })
  readonly updatedAt!: Date;
}
