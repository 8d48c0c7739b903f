import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the cap on finished runs that are still on their cluster needs: placement reads it with the provider. */
export class CapUnsweptRuns1795219520000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE providers
        ADD COLUMN unswept integer NOT NULL DEFAULT 0,
        ADD COLUMN sweep_behind boolean NOT NULL DEFAULT false;
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE providers DROP COLUMN sweep_behind, DROP COLUMN unswept');
  }
}
