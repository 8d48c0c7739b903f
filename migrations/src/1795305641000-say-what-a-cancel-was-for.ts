import type { MigrationInterface, QueryRunner } from 'typeorm';

/** For whom a build is cancelled stands on the build: its attempt may have its outcome, or another intent, by then. */
export class SayWhatACancelWasFor1795305641000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE builds
        ADD COLUMN cancel_intent text
          CONSTRAINT builds_cancel_intent CHECK (cancel_intent = ANY (ARRAY['UserCancel'::text, 'Superseded'::text]));

      UPDATE builds b SET cancel_intent = 'Superseded'
        FROM build_executions e
       WHERE b.status = 'cancelling' AND e.build_id = b.id AND e.finished_at IS NULL AND e.stop_intent = 'Superseded';
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE builds DROP COLUMN cancel_intent');
  }
}
