import { Column, Entity, PrimaryColumn } from 'typeorm';

/* Row shapes; the migrations are the schema, and a test compares the two. */

/** Row of `build_log_chunks`. */
@Entity('build_log_chunks')
export class BuildLogChunkEntity {
  @PrimaryColumn({ type: 'date' })
  readonly day!: string;

  @PrimaryColumn({ type: 'uuid', name: 'execution_id' })
  readonly executionId!: string;

  @PrimaryColumn({ type: 'text' })
  readonly step!: string;

  @PrimaryColumn({ type: 'integer' })
  readonly seq!: number;

  @Column({ type: 'bigint', name: 'byte_offset' })
  readonly byteOffset!: number;

  @Column({ type: 'bigint', name: 'line_offset' })
  readonly lineOffset!: number;

  @Column({ type: 'integer', name: 'line_count' })
  readonly lineCount!: number;

  @Column({ type: 'integer', name: 'raw_bytes' })
  readonly rawBytes!: number;

  @Column({ type: 'text' })
  readonly codec!: string;

  @Column({ type: 'bytea' })
  readonly data!: Buffer;

  @Column({ type: 'timestamptz', name: 'written_at' })
  readonly writtenAt!: Date;
}

/** Row of `build_log_cursors`. */
@Entity('build_log_cursors')
export class BuildLogCursorEntity {
  @PrimaryColumn({ type: 'uuid', name: 'execution_id' })
  readonly executionId!: string;

  @PrimaryColumn({ type: 'text' })
  readonly step!: string;

  @Column({ type: 'text' })
  readonly task!: string;

  @Column({ type: 'text', name: 'step_name' })
  readonly stepName!: string;

  @Column({ type: 'integer' })
  readonly ordinal!: number;

  @Column({ type: 'date' })
  readonly day!: string;

  @Column({ type: 'uuid' })
  readonly token!: string;

  @Column({ type: 'integer', name: 'next_seq' })
  readonly nextSeq!: number;

  @Column({ type: 'bigint', name: 'byte_offset' })
  readonly byteOffset!: number;

  @Column({ type: 'bigint', name: 'line_offset' })
  readonly lineOffset!: number;

  @Column({ type: 'text', name: 'last_time', nullable: true })
  readonly lastTime!: string | null;

  @Column({ type: 'integer', name: 'last_time_count' })
  readonly lastTimeCount!: number;

  @Column({ type: 'integer' })
  readonly gaps!: number;

  @Column({ type: 'timestamptz', name: 'ended_at', nullable: true })
  readonly endedAt!: Date | null;
}
