import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Since when an attempt's steps are seen to run, by the database's time; null before, and while a later task waits. What
 * ran until the last wait is in `run_seconds`.
 */
export class KeepRunClock1795391200000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE build_executions ADD COLUMN run_since timestamptz');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE build_executions DROP COLUMN run_since');
  }
}
