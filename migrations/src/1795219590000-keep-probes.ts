import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What probes leave behind besides the verdict: how many in a row contradict it, when the slow questions were asked last
 * and for which generation, and the last probes themselves.
 */
export class KeepProbes1795219590000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE providers
        ADD COLUMN health_streak integer NOT NULL DEFAULT 0,
        ADD COLUMN detail_probed_at timestamptz,
        ADD COLUMN detail_generation integer;

      CREATE TABLE provider_probes (
        provider_id uuid NOT NULL REFERENCES providers (id) ON DELETE CASCADE,
        probed_at timestamptz NOT NULL,
        prober uuid NOT NULL,
        verdict text NOT NULL,
        reason text,
        message text,
        version_ms integer,
        tekton_ms integer,
        nodes_ms integer,
        PRIMARY KEY (provider_id, probed_at),
        CONSTRAINT provider_probes_verdict CHECK (verdict IN ('healthy', 'degraded', 'unhealthy', 'unknown'))
      );
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP TABLE provider_probes;
      ALTER TABLE providers
        DROP COLUMN health_streak, DROP COLUMN detail_probed_at, DROP COLUMN detail_generation;
    `);
  }
}
