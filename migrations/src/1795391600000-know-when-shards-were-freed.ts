import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When its last owner gave a shard up: what is on its way to the next one is not stranded yet. */
export class KnowWhenShardsWereFreed1795391600000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE cluster_shards ADD COLUMN freed_at timestamptz');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE cluster_shards DROP COLUMN freed_at');
  }
}
