import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The installation's identity, tenants with their lanes, projects, write-only credentials, and API keys. */
export class CreateTenants1795219200000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE installation (
        singleton boolean PRIMARY KEY DEFAULT true,
        id uuid NOT NULL DEFAULT gen_random_uuid(),
        dispatch_paused boolean NOT NULL DEFAULT false,
        dispatch_paused_reason text,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT installation_singleton CHECK (singleton)
      );
      INSERT INTO installation DEFAULT VALUES;

      CREATE TABLE tenants (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        name text NOT NULL,
        enabled boolean NOT NULL DEFAULT true,
        max_concurrent_builds integer NOT NULL DEFAULT 10,
        guaranteed_builds integer NOT NULL DEFAULT 0,
        max_queued_builds integer NOT NULL DEFAULT 1000,
        weight integer NOT NULL DEFAULT 1,
        max_priority integer NOT NULL DEFAULT 10,
        max_cpu text,
        max_memory text,
        queue_timeout_minutes integer NOT NULL DEFAULT 1440,
        start_limit_minutes integer NOT NULL DEFAULT 15,
        max_build_timeout_minutes integer NOT NULL DEFAULT 1440,
        tekton_enabled boolean NOT NULL DEFAULT true,
        allowed_methods text[] NOT NULL DEFAULT '{docker,buildx,kaniko,packer}',
        capabilities text[] NOT NULL DEFAULT '{}',
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT tenants_limits CHECK (
          max_concurrent_builds >= 0 AND guaranteed_builds >= 0 AND max_queued_builds >= 0 AND weight >= 1
          AND max_priority >= 0 AND queue_timeout_minutes >= 1 AND start_limit_minutes >= 1 AND max_build_timeout_minutes >= 1)
      );
      CREATE UNIQUE INDEX tenants_name ON tenants (lower(name));

      CREATE TABLE lanes (
        tenant_id uuid PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE,
        max_running integer NOT NULL,
        weight integer NOT NULL DEFAULT 1,
        queued integer NOT NULL DEFAULT 0,
        parked integer NOT NULL DEFAULT 0,
        running integer NOT NULL DEFAULT 0,
        served_at timestamptz NOT NULL DEFAULT now(),
        ready boolean NOT NULL GENERATED ALWAYS AS (queued > 0 AND running < max_running) STORED,
        CONSTRAINT lanes_counters CHECK (queued >= 0 AND parked >= 0 AND running >= 0)
      ) WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);
      CREATE INDEX lanes_ready ON lanes (tenant_id) WHERE ready;

      CREATE TABLE registry_auths (
        id uuid PRIMARY KEY,
        tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        name text NOT NULL,
        type text NOT NULL,
        sealed bytea NOT NULL,
        key_id text NOT NULL,
        fingerprint text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT registry_auths_type CHECK (type IN ('dockerconfigjson', 'basic'))
      );
      CREATE UNIQUE INDEX registry_auths_name ON registry_auths (tenant_id, lower(name));

      CREATE TABLE repository_auths (
        id uuid PRIMARY KEY,
        tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        name text NOT NULL,
        type text NOT NULL,
        sealed bytea NOT NULL,
        key_id text NOT NULL,
        fingerprint text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT repository_auths_type CHECK (type IN ('token', 'basic', 'ssh_key'))
      );
      CREATE UNIQUE INDEX repository_auths_name ON repository_auths (tenant_id, lower(name));

      CREATE TABLE projects (
        id uuid PRIMARY KEY,
        tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
        name text NOT NULL,
        git_repository_url text NOT NULL,
        git_branch text NOT NULL DEFAULT 'main',
        dockerfile_path text NOT NULL DEFAULT 'Dockerfile',
        build_context text NOT NULL DEFAULT '.',
        registry_repo text,
        registry_auth_id uuid REFERENCES registry_auths (id),
        repository_auth_id uuid REFERENCES repository_auths (id),
        build_timeout_minutes integer NOT NULL DEFAULT 30,
        next_build_number integer NOT NULL DEFAULT 1,
        version integer NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        deleted_at timestamptz,
        CONSTRAINT projects_timeout CHECK (build_timeout_minutes >= 1)
      );
      CREATE UNIQUE INDEX projects_name ON projects (tenant_id, lower(name)) WHERE deleted_at IS NULL;
      CREATE INDEX projects_tenant ON projects (tenant_id, id DESC);

      CREATE TABLE api_keys (
        id uuid PRIMARY KEY,
        name text NOT NULL,
        role text NOT NULL,
        tenant_id uuid REFERENCES tenants (id) ON DELETE CASCADE,
        key_hash bytea NOT NULL,
        created_by text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz,
        revoked_at timestamptz,
        last_used_at timestamptz,
        CONSTRAINT api_keys_role CHECK (role IN ('system-admin', 'platform-operator', 'tenant-admin', 'developer', 'viewer')),
        CONSTRAINT api_keys_tenant CHECK ((tenant_id IS NULL) = (role IN ('system-admin', 'platform-operator')))
      );
      CREATE UNIQUE INDEX api_keys_hash ON api_keys (key_hash);
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      'DROP TABLE api_keys, projects, repository_auths, registry_auths, lanes, tenants, installation',
    );
  }
}
