import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What an administrator has retired stays so; and which contents of the configuration file were in force before, so that a
 * process that starts with one of them does not bring it back.
 */
export class KeepWhatSourcesKnow1795305640000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE discovered_clusters ADD COLUMN retired_at timestamptz;

      ALTER TABLE config_file
        ADD COLUMN stale_hash text,
        ADD COLUMN stale_by text,
        ADD COLUMN stale_at timestamptz;

      CREATE TABLE config_file_contents (
        hash text PRIMARY KEY,
        first_applied_at timestamptz NOT NULL DEFAULT now()
      );
      INSERT INTO config_file_contents (hash) SELECT hash FROM config_file WHERE hash IS NOT NULL;
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP TABLE config_file_contents;
      ALTER TABLE config_file DROP COLUMN stale_hash, DROP COLUMN stale_by, DROP COLUMN stale_at;
      ALTER TABLE discovered_clusters DROP COLUMN retired_at;
    `);
  }
}
