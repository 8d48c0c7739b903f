import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Where providers come from: what of a provider its source declares and since when it no longer does, what was detected
 * on its cluster, the configuration file as it was applied last, and the clusters that discovery has found.
 */
export class AddSources1795219570000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE providers
        ADD COLUMN source_ref jsonb,
        ADD COLUMN retired_at timestamptz,
        ADD COLUMN retired_state text,
        ADD COLUMN detected jsonb,
        ADD COLUMN detect_due_at timestamptz NOT NULL DEFAULT now(),
        ADD CONSTRAINT providers_retired CHECK (retired_at IS NULL OR state IN ('draining', 'disabled'));

      CREATE TABLE config_file (
        singleton boolean PRIMARY KEY DEFAULT true,
        path text NOT NULL,
        hash text,
        settings jsonb NOT NULL DEFAULT '{}',
        refused jsonb NOT NULL DEFAULT '[]',
        applied_at timestamptz,
        applied_by text,
        rejected_hash text,
        rejected_at timestamptz,
        rejected_by text,
        problems jsonb NOT NULL DEFAULT '[]',
        check_due_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT config_file_singleton CHECK (singleton)
      );

      CREATE TABLE discovered_clusters (
        id uuid PRIMARY KEY,
        cloud text NOT NULL,
        account text NOT NULL,
        location text NOT NULL,
        resource_group text NOT NULL DEFAULT '',
        name text NOT NULL,
        facts jsonb NOT NULL,
        changes jsonb NOT NULL DEFAULT '[]',
        provider_id uuid REFERENCES providers (id) ON DELETE SET NULL,
        first_seen_at timestamptz NOT NULL DEFAULT now(),
        last_seen_at timestamptz NOT NULL DEFAULT now(),
        changed_at timestamptz,
        vanished_at timestamptz,
        CONSTRAINT discovered_clusters_cloud CHECK (cloud IN ('aws', 'gcp', 'azure'))
      );
      CREATE UNIQUE INDEX discovered_clusters_key
        ON discovered_clusters (cloud, account, location, resource_group, name);
      CREATE UNIQUE INDEX discovered_clusters_provider
        ON discovered_clusters (provider_id) WHERE provider_id IS NOT NULL;
      CREATE INDEX jobs_type ON jobs (type, created_at DESC);
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP INDEX jobs_type;
      DROP TABLE discovered_clusters, config_file;
      ALTER TABLE providers DROP CONSTRAINT providers_retired, DROP COLUMN detect_due_at, DROP COLUMN detected,
        DROP COLUMN retired_state, DROP COLUMN retired_at, DROP COLUMN source_ref;
    `);
  }
}
