import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Who waits for a provider is woken by the turn of the tenants, and of each tenant in its order: the index gives the
 * oldest of a tenant, whatever others wait for the same. What waits for a project or a key is of one tenant anyway.
 */
export class OrderParkedByTenant1795391000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP INDEX builds_parked_event;
      CREATE INDEX builds_parked_event ON builds (parked_wake_on, tenant_id, parked_order) WHERE parked IS NOT NULL;
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP INDEX builds_parked_event;
      CREATE INDEX builds_parked_event ON builds (parked_wake_on, parked_order) WHERE parked IS NOT NULL;
    `);
  }
}
