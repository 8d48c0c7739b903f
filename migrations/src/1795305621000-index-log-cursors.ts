import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Retention finds the cursors of old days, a few at a time, without reading those of all others. */
export class IndexLogCursors1795305621000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('CREATE INDEX build_log_cursors_day ON build_log_cursors (day)');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP INDEX build_log_cursors_day');
  }
}
