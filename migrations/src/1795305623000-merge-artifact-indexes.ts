import type { MigrationInterface, QueryRunner } from 'typeorm';

/** One index says that an attempt has an artifact of a name once, and finds those of a build. */
export class MergeArtifactIndexes1795305623000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE UNIQUE INDEX build_artifacts_of_build ON build_artifacts (build_id, execution_id, name);
      DROP INDEX build_artifacts_build, build_artifacts_name;
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE INDEX build_artifacts_build ON build_artifacts (build_id);
      CREATE UNIQUE INDEX build_artifacts_name ON build_artifacts (execution_id, name);
      DROP INDEX build_artifacts_of_build;
    `);
  }
}
