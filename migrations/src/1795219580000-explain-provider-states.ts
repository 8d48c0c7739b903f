import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who wants a provider in its state, why, and since when: what a cordon or a drain is shown with. */
export class ExplainProviderStates1795219580000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE providers
        ADD COLUMN state_reason text,
        ADD COLUMN state_changed_by text,
        ADD COLUMN state_changed_at timestamptz;
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE providers DROP COLUMN state_changed_at, DROP COLUMN state_changed_by, DROP COLUMN state_reason;
    `);
  }
}
