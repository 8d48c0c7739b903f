import { Column, Entity, PrimaryColumn } from 'typeorm';

/* Row shapes; the migrations are the schema, and a test compares the two. */

/** Row of `jobs`. */
@Entity('jobs')
export class JobEntity {
  @PrimaryColumn({ type: 'uuid' })
  readonly id!: string;

  @Column({ type: 'text' })
  readonly type!: string;

  @Column({ type: 'uuid', name: 'subject_id', nullable: true })
  readonly subjectId!: string | null;

  @Column({ type: 'text' })
  readonly status!: string;

  @Column({ type: 'jsonb' })
  readonly input!: Record<string, unknown>;

  @Column({ type: 'jsonb' })
  readonly progress!: unknown[];

  @Column({ type: 'text', nullable: true })
  readonly reason!: string | null;

  @Column({ type: 'text', nullable: true })
  readonly message!: string | null;

  @Column({ type: 'uuid', nullable: true })
  readonly owner!: string | null;

  @Column({ type: 'uuid', nullable: true })
  readonly token!: string | null;

  @Column({ type: 'timestamptz', name: 'run_after' })
  readonly runAfter!: Date;

  @Column({ type: 'integer' })
  readonly attempts!: number;

  @Column({ type: 'text', name: 'created_by' })
  readonly createdBy!: string;

  @Column({ type: 'timestamptz', name: 'created_at' })
  readonly createdAt!: Date;

  @Column({ type: 'timestamptz', name: 'finished_at', nullable: true })
  readonly finishedAt!: Date | null;
}

/** Row of `audit_events`. */
@Entity('audit_events')
export class AuditEventEntity {
  @PrimaryColumn({ type: 'bigint', insert: false, update: false })
  readonly id!: number;

  @Column({ type: 'timestamptz', name: 'occurred_at' })
  readonly occurredAt!: Date;

  @Column({ type: 'text' })
  readonly actor!: string;

  @Column({ type: 'text', name: 'actor_role' })
  readonly actorRole!: string;

  @Column({ type: 'uuid', name: 'tenant_id', nullable: true })
  readonly tenantId!: string | null;

  @Column({ type: 'text' })
  readonly action!: string;

  @Column({ type: 'text', name: 'object_type' })
  readonly objectType!: string;

  @Column({ type: 'text', name: 'object_id' })
  readonly objectId!: string;

  @Column({ type: 'jsonb', nullable: true })
  readonly before!: Record<string, unknown> | null;

  @Column({ type: 'jsonb', nullable: true })
  readonly after!: Record<string, unknown> | null;

  @Column({ type: 'text', name: 'trace_id', nullable: true })
  readonly traceId!: string | null;
}

/** Row of `idempotency_keys`. */
@Entity('idempotency_keys')
export class IdempotencyKeyEntity {
  @PrimaryColumn({ type: 'text' })
  readonly caller!: string;

  @PrimaryColumn({ type: 'uuid', name: 'tenant_id' })
  readonly tenantId!: string;

  @PrimaryColumn({ type: 'text' })
  readonly key!: string;

  @Column({ type: 'bytea', name: 'request_hash' })
  readonly requestHash!: Buffer;

  @Column({ type: 'integer', nullable: true })
  readonly status!: number | null;

  @Column({ type: 'jsonb', nullable: true })
  readonly headers!: Record<string, unknown> | null;

  @Column({ type: 'jsonb', nullable: true })
  readonly response!: Record<string, unknown> | null;

  @Column({ type: 'timestamptz', name: 'created_at' })
  readonly createdAt!: Date;
}
