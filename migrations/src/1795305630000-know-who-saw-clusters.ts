import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who saw a discovered cluster: that another identity does not see it says nothing of whether it is there. */
export class KnowWhoSawClusters1795305630000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE discovered_clusters ADD COLUMN seen_by text`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE discovered_clusters DROP COLUMN seen_by`);
  }
}
