import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * When a live process last said that it holds a content of the configuration file, or a cluster of the environment: what
 * nobody holds any more may give way.
 */
export class KnowWhoHoldsSources1795305642000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE source_holds (
        source text NOT NULL,
        content text NOT NULL,
        held_at timestamptz NOT NULL,
        PRIMARY KEY (source, content)
      );
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE source_holds');
  }
}
