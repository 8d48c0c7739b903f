import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Row of `registry_holds`. */
@Entity('registry_holds')
export class RegistryHoldEntity {
  @PrimaryColumn({ type: 'text' })
  readonly registry!: string;

  @Column({ type: 'integer' })
  readonly level!: number;

  @Column({ type: 'integer' })
  readonly builds!: number;

  @Column({ type: 'timestamptz', name: 'held_at', nullable: true })
  readonly heldAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'held_until', nullable: true })
  readonly heldUntil!: Date | null;

  @Column({ type: 'text', nullable: true })
  readonly message!: string | null;

  @Column({ type: 'uuid', name: 'tenant_id', nullable: true })
  readonly tenantId!: string | null;
}

/** Row of `registry_troubles`. */
@Entity('registry_troubles')
export class RegistryTroubleEntity {
  @PrimaryColumn({ type: 'text' })
  readonly registry!: string;

  @PrimaryColumn({ type: 'uuid', name: 'build_id' })
  readonly buildId!: string;

  @Column({ type: 'timestamptz', name: 'met_at' })
  readonly metAt!: Date;
}
