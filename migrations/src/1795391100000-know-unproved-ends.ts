import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Whether the pods of an attempt were only presumed over: their node was gone or did not answer, or nobody saw their end.
 * That is found when they are looked at last, and asked when the attempt ends, which may be in another process.
 */
export class KnowUnprovedEnds1795391100000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      'ALTER TABLE build_executions ADD COLUMN pods_presumed_over boolean NOT NULL DEFAULT false',
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE build_executions DROP COLUMN pods_presumed_over');
  }
}
