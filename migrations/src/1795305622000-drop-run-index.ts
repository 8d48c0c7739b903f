import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * No query looks for a run by its name, and the name is a pure function of build and attempt, which are unique already.
 * Its three texts were written again whenever an attempt was placed, ended and swept.
 */
export class DropRunIndex1795305622000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP INDEX build_executions_run');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE UNIQUE INDEX build_executions_run ON build_executions (cluster_uid, namespace_uid, pipeline_run_name)
        WHERE pipeline_run_name IS NOT NULL
    `);
  }
}
