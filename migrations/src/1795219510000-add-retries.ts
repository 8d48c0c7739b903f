import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Why the attempt after each was or was not made, holds on registries that many builds had trouble with, and the clocks
 * that a project may lower.
 */
export class AddRetries1795219510000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE build_executions
        ADD COLUMN failure_class text,
        ADD COLUMN retry_decision text,
        ADD COLUMN retry_reason text,
        ADD COLUMN retry_message text,
        ADD COLUMN next_attempt_at timestamptz,
        ADD COLUMN avoided boolean NOT NULL DEFAULT false,
        ADD CONSTRAINT build_executions_failure_class CHECK (
          failure_class IN ('user', 'resource', 'disruption', 'registry', 'cluster', 'platform', 'unknown')),
        ADD CONSTRAINT build_executions_retry_decision CHECK (retry_decision IN ('retry', 'stop')),
        ADD CONSTRAINT build_executions_retry CHECK (
          (retry_decision IS NULL) = (retry_reason IS NULL) AND (retry_decision IS NULL OR failure_class IS NOT NULL));

      CREATE TABLE registry_holds (
        registry text PRIMARY KEY,
        level integer NOT NULL DEFAULT 0,
        builds integer NOT NULL DEFAULT 0,
        held_at timestamptz,
        held_until timestamptz,
        message text
      );

      ALTER TABLE projects
        ADD COLUMN queue_timeout_minutes integer,
        ADD COLUMN start_limit_minutes integer,
        ADD COLUMN learned_memory_bytes bigint,
        ADD CONSTRAINT projects_clocks CHECK (queue_timeout_minutes >= 1 AND start_limit_minutes >= 1);

      CREATE TABLE registry_troubles (
        registry text NOT NULL REFERENCES registry_holds (registry) ON DELETE CASCADE,
        build_id uuid NOT NULL,
        met_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (registry, build_id)
      );
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP TABLE registry_troubles, registry_holds;
      ALTER TABLE projects DROP COLUMN queue_timeout_minutes, DROP COLUMN start_limit_minutes,
        DROP COLUMN learned_memory_bytes;
      ALTER TABLE build_executions
        DROP COLUMN failure_class, DROP COLUMN retry_decision, DROP COLUMN retry_reason, DROP COLUMN retry_message,
        DROP COLUMN next_attempt_at, DROP COLUMN avoided;
    `);
  }
}
