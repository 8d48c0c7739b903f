import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Log chunks in day partitions (dropped whole by retention) and the cursor that makes each flush a compare-and-set. */
export class CreateBuildLogs1795219380000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE build_log_chunks (
        day date NOT NULL,
        execution_id uuid NOT NULL,
        step text NOT NULL,
        seq integer NOT NULL,
        byte_offset bigint NOT NULL,
        line_offset bigint NOT NULL,
        line_count integer NOT NULL,
        raw_bytes integer NOT NULL,
        codec text NOT NULL,
        data bytea NOT NULL,
        written_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (day, execution_id, step, seq),
        CONSTRAINT build_log_chunks_codec CHECK (codec IN ('zstd', 'none'))
      ) PARTITION BY RANGE (day);
      ALTER TABLE build_log_chunks ALTER COLUMN data SET STORAGE EXTERNAL;

      CREATE TABLE build_log_cursors (
        execution_id uuid NOT NULL,
        step text NOT NULL,
        task text NOT NULL,
        step_name text NOT NULL,
        ordinal integer NOT NULL,
        day date NOT NULL,
        token uuid NOT NULL,
        next_seq integer NOT NULL DEFAULT 0,
        byte_offset bigint NOT NULL DEFAULT 0,
        line_offset bigint NOT NULL DEFAULT 0,
        last_time text,
        last_time_count integer NOT NULL DEFAULT 0,
        gaps integer NOT NULL DEFAULT 0,
        ended_at timestamptz,
        PRIMARY KEY (execution_id, step)
      ) WITH (fillfactor = 60);
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE build_log_cursors, build_log_chunks');
  }
}
