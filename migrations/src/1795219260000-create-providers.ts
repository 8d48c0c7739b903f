import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Providers, their grants, health and shards; dispatchers with their leases; tenant namespaces. */
export class CreateProviders1795219260000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE providers (
        id uuid PRIMARY KEY,
        name text NOT NULL,
        provider_type text NOT NULL,
        source text NOT NULL DEFAULT 'api',
        is_global boolean NOT NULL DEFAULT false,
        is_default boolean NOT NULL DEFAULT false,
        state text NOT NULL DEFAULT 'enabled',
        drain_deadline_at timestamptz,
        generation integer NOT NULL DEFAULT 1,
        settings jsonb NOT NULL DEFAULT '{}',
        credential_sealed bytea,
        credential_key_id text,
        credential_fingerprint text,
        credential_version integer NOT NULL DEFAULT 1,
        credential_expires_at timestamptz,
        credential_last_used_at timestamptz,
        capabilities text[] NOT NULL DEFAULT '{}',
        labels jsonb NOT NULL DEFAULT '{}',
        max_concurrent_builds integer NOT NULL DEFAULT 0,
        running integer NOT NULL DEFAULT 0,
        region text,
        price_per_minute numeric,
        allow_privileged boolean NOT NULL DEFAULT false,
        shard_count integer NOT NULL DEFAULT 8,
        cluster_uid text,
        nonce uuid NOT NULL DEFAULT gen_random_uuid(),
        previous_nonce uuid,
        nonce_rolled_at timestamptz NOT NULL DEFAULT now(),
        health text NOT NULL DEFAULT 'unknown',
        tekton_answers boolean NOT NULL DEFAULT false,
        watch_fresh boolean NOT NULL DEFAULT true,
        first_loss_at timestamptz,
        probed_at timestamptz,
        probe_owner uuid,
        probe_due_at timestamptz NOT NULL DEFAULT now(),
        last_probe jsonb,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT providers_type CHECK (provider_type IN ('kubernetes', 'aws-eks', 'gcp-gke', 'azure-aks', 'local')),
        CONSTRAINT providers_source CHECK (source IN ('api', 'file', 'environment', 'discovery')),
        CONSTRAINT providers_state CHECK (state IN ('enabled', 'cordoned', 'draining', 'disabled')),
        CONSTRAINT providers_health CHECK (health IN ('healthy', 'degraded', 'unhealthy', 'unknown')),
        CONSTRAINT providers_running CHECK (running >= 0),
        CONSTRAINT providers_shards CHECK (shard_count BETWEEN 1 AND 64),
        CONSTRAINT providers_local_closed CHECK (provider_type <> 'local' OR NOT is_global)
      ) WITH (fillfactor = 70);
      CREATE UNIQUE INDEX providers_name ON providers (lower(name));
      CREATE UNIQUE INDEX providers_default ON providers (is_default) WHERE is_default;

      CREATE TABLE provider_permissions (
        provider_id uuid NOT NULL REFERENCES providers (id) ON DELETE CASCADE,
        tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        granted_by text NOT NULL,
        granted_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz,
        PRIMARY KEY (provider_id, tenant_id)
      );
      CREATE INDEX provider_permissions_tenant ON provider_permissions (tenant_id);

      CREATE TABLE provider_conditions (
        provider_id uuid NOT NULL REFERENCES providers (id) ON DELETE CASCADE,
        type text NOT NULL,
        status text NOT NULL,
        reason text NOT NULL,
        message text NOT NULL,
        last_transition_at timestamptz NOT NULL,
        PRIMARY KEY (provider_id, type),
        CONSTRAINT provider_conditions_status CHECK (status IN ('True', 'False', 'Unknown'))
      );

      CREATE TABLE dispatchers (
        id uuid PRIMARY KEY,
        host text NOT NULL,
        version text NOT NULL,
        state text NOT NULL DEFAULT 'running',
        slots integer NOT NULL,
        slots_used integer NOT NULL DEFAULT 0,
        started_at timestamptz NOT NULL DEFAULT now(),
        heartbeat_at timestamptz NOT NULL DEFAULT now(),
        lease_until timestamptz NOT NULL,
        metrics jsonb NOT NULL DEFAULT '{}',
        unreachable_providers uuid[] NOT NULL DEFAULT '{}',
        CONSTRAINT dispatchers_state CHECK (state IN ('running', 'stopping', 'stopped'))
      ) WITH (fillfactor = 50);

      CREATE TABLE cluster_shards (
        provider_id uuid NOT NULL REFERENCES providers (id) ON DELETE CASCADE,
        host text NOT NULL DEFAULT '',
        shard integer NOT NULL,
        owner uuid,
        token uuid,
        acquired_count bigint NOT NULL DEFAULT 0,
        acquired_at timestamptz,
        PRIMARY KEY (provider_id, host, shard),
        CONSTRAINT cluster_shards_owned CHECK ((owner IS NULL) = (token IS NULL))
      ) WITH (fillfactor = 50);
      CREATE INDEX cluster_shards_owner ON cluster_shards (owner) WHERE owner IS NOT NULL;

      CREATE TABLE tenant_namespaces (
        provider_id uuid NOT NULL REFERENCES providers (id) ON DELETE CASCADE,
        tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        cluster_uid text NOT NULL,
        name text NOT NULL,
        uid text NOT NULL,
        content_hash text NOT NULL,
        ensured_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (provider_id, tenant_id)
      );
      CREATE UNIQUE INDEX tenant_namespaces_name ON tenant_namespaces (provider_id, cluster_uid, name);
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      'DROP TABLE tenant_namespaces, cluster_shards, dispatchers, provider_conditions, provider_permissions, providers',
    );
  }
}
