import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Order between tenants by what runs, limits of projects and of the installation, and keys of which one build runs at a
 * time. `live_key` and `parked_order` are generated so that updates of builds without a key, or not parked, stay HOT.
 */
export class OrderBuilds1795219500000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE installation
        ADD COLUMN max_concurrent_builds integer,
        ADD CONSTRAINT installation_limit CHECK (max_concurrent_builds >= 0);

      ALTER TABLE lanes
        ADD COLUMN guaranteed integer NOT NULL DEFAULT 0,
        ADD COLUMN running_cpu bigint NOT NULL DEFAULT 0,
        ADD COLUMN running_memory bigint NOT NULL DEFAULT 0,
        ADD COLUMN served double precision NOT NULL DEFAULT 0,
        ADD CONSTRAINT lanes_resources CHECK (guaranteed >= 0 AND running_cpu >= 0 AND running_memory >= 0);

      ALTER TABLE projects
        ADD COLUMN max_concurrent_builds integer,
        ADD CONSTRAINT projects_limit CHECK (max_concurrent_builds >= 1);

      CREATE TABLE project_lanes (
        project_id uuid PRIMARY KEY REFERENCES projects (id) ON DELETE CASCADE,
        tenant_id uuid NOT NULL,
        max_running integer NOT NULL,
        running integer NOT NULL DEFAULT 0,
        CONSTRAINT project_lanes_counters CHECK (max_running >= 1 AND running >= 0)
      ) WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);

      ALTER TABLE builds
        ADD COLUMN cpu_millis integer NOT NULL DEFAULT 1000,
        ADD COLUMN memory_bytes bigint NOT NULL DEFAULT 2147483648,
        ADD COLUMN cpu_limit_millis integer,
        ADD COLUMN memory_limit_bytes bigint,
        ADD COLUMN concurrency_policy text,
        ADD COLUMN live_key text GENERATED ALWAYS AS (CASE WHEN finished_at IS NULL THEN concurrency_key END) STORED,
        ADD COLUMN parked_order bigint GENERATED ALWAYS AS (CASE WHEN parked IS NOT NULL THEN
          floor(extract(epoch FROM greatest(created_at, not_before) - timestamptz '1970-01-01 00:00:00+00') * 1000)::bigint
            - priority * 300000::bigint END) STORED,
        ADD CONSTRAINT builds_resources CHECK (
          cpu_millis > 0 AND memory_bytes > 0 AND cpu_limit_millis >= cpu_millis AND memory_limit_bytes >= memory_bytes),
        ADD CONSTRAINT builds_concurrency CHECK (
          (concurrency_key IS NULL) = (concurrency_policy IS NULL)
          AND concurrency_policy IN ('queue', 'cancel_queued', 'cancel_running', 'reject'));
      DROP INDEX builds_parked_event;
      CREATE INDEX builds_parked_event ON builds (parked_wake_on, parked_order) WHERE parked IS NOT NULL;
      CREATE INDEX builds_live_key ON builds (project_id, live_key) WHERE live_key IS NOT NULL;

      ALTER TABLE build_executions
        ADD COLUMN cpu_millis integer NOT NULL DEFAULT 1000,
        ADD COLUMN memory_bytes bigint NOT NULL DEFAULT 2147483648,
        ADD COLUMN concurrency_group text;
      CREATE UNIQUE INDEX build_executions_key ON build_executions (concurrency_group)
        WHERE concurrency_group IS NOT NULL
          AND state IN ('placing', 'creating', 'starting', 'running', 'sealing', 'promoting');

      UPDATE lanes l
         SET guaranteed = t.guaranteed_builds, running_cpu = l.running * 1000::bigint,
             running_memory = l.running * 2147483648
        FROM tenants t WHERE t.id = l.tenant_id;
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      DROP INDEX build_executions_key;
      ALTER TABLE build_executions DROP COLUMN cpu_millis, DROP COLUMN memory_bytes, DROP COLUMN concurrency_group;
      DROP INDEX builds_live_key;
      DROP INDEX builds_parked_event;
      ALTER TABLE builds
        DROP CONSTRAINT builds_resources, DROP CONSTRAINT builds_concurrency, DROP COLUMN cpu_millis,
        DROP COLUMN memory_bytes, DROP COLUMN cpu_limit_millis, DROP COLUMN memory_limit_bytes,
        DROP COLUMN concurrency_policy, DROP COLUMN live_key, DROP COLUMN parked_order;
      CREATE INDEX builds_parked_event ON builds (parked_wake_on, ordinal) WHERE parked IS NOT NULL;
      DROP TABLE project_lanes;
      ALTER TABLE projects DROP COLUMN max_concurrent_builds;
      ALTER TABLE lanes DROP COLUMN guaranteed, DROP COLUMN running_cpu, DROP COLUMN running_memory, DROP COLUMN served;
      ALTER TABLE installation DROP COLUMN max_concurrent_builds;
    `);
  }
}
