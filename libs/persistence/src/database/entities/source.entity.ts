import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Row of `config_file`: there is one. */
@Entity('config_file')
export class ConfigFileEntity {
  @PrimaryColumn({ type: 'boolean' })
  readonly singleton!: boolean;

  @Column({ type: 'text' })
  readonly path!: string;

  @Column({ type: 'text', nullable: true })
  readonly hash!: string | null;

  @Column({ type: 'jsonb' })
  readonly settings!: Record<string, unknown>;

  @Column({ type: 'jsonb' })
  readonly refused!: unknown[];

  @Column({ type: 'timestamptz', name: 'applied_at', nullable: true })
  readonly appliedAt!: Date | null;

  @Column({ type: 'text', name: 'applied_by', nullable: true })
  readonly appliedBy!: string | null;

  @Column({ type: 'text', name: 'rejected_hash', nullable: true })
  readonly rejectedHash!: string | null;

  @Column({ type: 'timestamptz', name: 'rejected_at', nullable: true })
  readonly rejectedAt!: Date | null;

  @Column({ type: 'text', name: 'rejected_by', nullable: true })
  readonly rejectedBy!: string | null;

  @Column({ type: 'jsonb' })
  readonly problems!: unknown[];

  @Column({ type: 'timestamptz', name: 'check_due_at' })
  readonly checkDueAt!: Date;

  @Column({ type: 'text', name: 'stale_hash', nullable: true })
  readonly staleHash!: string | null;

  @Column({ type: 'text', name: 'stale_by', nullable: true })
  readonly staleBy!: string | null;

  @Column({ type: 'timestamptz', name: 'stale_at', nullable: true })
  readonly staleAt!: Date | null;
}

/** Row of `config_file_contents`: a content that is or was in force. */
@Entity('config_file_contents')
export class ConfigFileContentEntity {
  @PrimaryColumn({ type: 'text' })
  readonly hash!: string;

  @Column({ type: 'timestamptz', name: 'first_applied_at' })
  readonly firstAppliedAt!: Date;
}

/** Row of `source_holds`: when a live process last said that it holds this content. */
@Entity('source_holds')
export class SourceHoldEntity {
  @PrimaryColumn({ type: 'text' })
  readonly source!: string;

  @PrimaryColumn({ type: 'text' })
  readonly content!: string;

  @Column({ type: 'timestamptz', name: 'held_at' })
  readonly heldAt!: Date;
}

/** Row of `discovered_clusters`. */
@Entity('discovered_clusters')
export class DiscoveredClusterEntity {
  @PrimaryColumn({ type: 'uuid' })
  readonly id!: string;

  @Column({ type: 'text' })
  readonly cloud!: string;

  @Column({ type: 'text' })
  readonly account!: string;

  @Column({ type: 'text' })
  readonly location!: string;

  @Column({ type: 'text', name: 'resource_group' })
  readonly resourceGroup!: string;

  @Column({ type: 'text' })
  readonly name!: string;

  @Column({ type: 'jsonb' })
  readonly facts!: Record<string, unknown>;

  @Column({ type: 'jsonb' })
  readonly changes!: unknown[];

  @Column({ type: 'uuid', name: 'provider_id', nullable: true })
  readonly providerId!: string | null;

  @Column({ type: 'timestamptz', name: 'first_seen_at' })
  readonly firstSeenAt!: Date;

  @Column({ type: 'timestamptz', name: 'last_seen_at' })
  readonly lastSeenAt!: Date;

  @Column({ type: 'timestamptz', name: 'changed_at', nullable: true })
  readonly changedAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'vanished_at', nullable: true })
  readonly vanishedAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'retired_at', nullable: true })
  readonly retiredAt!: Date | null;

  @Column({ type: 'text', name: 'seen_by', nullable: true })
  readonly seenBy!: string | null;
}
