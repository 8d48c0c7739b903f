import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Which database the clusters were last compared with: after a failover, or over a restored copy, it is another one than
 * answers now, for every process, and claims wait until each shard's cluster was compared with that.
 */
export class TrustDatabase1795305620000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE installation ADD COLUMN database_identity text;
      ALTER TABLE cluster_shards ADD COLUMN compared_identity text;
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE cluster_shards DROP COLUMN compared_identity;
      ALTER TABLE installation DROP COLUMN database_identity;
    `);
  }
}
