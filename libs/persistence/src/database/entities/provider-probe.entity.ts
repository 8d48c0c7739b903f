import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Row of `provider_probes`. */
@Entity('provider_probes')
export class ProviderProbeEntity {
  @PrimaryColumn({ type: 'uuid', name: 'provider_id' })
  readonly providerId!: string;

  @PrimaryColumn({ type: 'timestamptz', name: 'probed_at' })
  readonly probedAt!: Date;

  @Column({ type: 'uuid' })
  readonly prober!: string;

  @Column({ type: 'text' })
  readonly verdict!: string;

  @Column({ type: 'text', nullable: true })
  readonly reason!: string | null;

  @Column({ type: 'text', nullable: true })
  readonly message!: string | null;

  @Column({ type: 'integer', name: 'version_ms', nullable: true })
  readonly versionMs!: number | null;

  @Column({ type: 'integer', name: 'tekton_ms', nullable: true })
  readonly tektonMs!: number | null;

  @Column({ type: 'integer', name: 'nodes_ms', nullable: true })
  readonly nodesMs!: number | null;
}
