import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A lane becomes ready, and stops being so, with almost every build of a small tenant, and an index that names that made
 * each of these updates write the row's index entries anew. There is a lane per tenant: reading all of them costs a claim
 * less than the dead entries that this left.
 */
export class DropReadyIndex1795305624000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP INDEX lanes_ready');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('CREATE INDEX lanes_ready ON lanes (tenant_id) WHERE ready');
  }
}
