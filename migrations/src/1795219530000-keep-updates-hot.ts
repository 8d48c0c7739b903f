import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Indexes of executions that name no column which changes while an attempt lives. PostgreSQL writes an update into the
 * row's page alone (HOT) only when no indexed column changes, those of predicates counted: with `state` in predicates each
 * step of an attempt was written into six indexes. Both CHECKs make the new predicates say what the old ones said.
 */
export class KeepUpdatesHot1795219530000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE build_executions
        ADD CONSTRAINT build_executions_unplaced CHECK ((state IN ('placing', 'released')) = (provider_id IS NULL));
      DROP INDEX build_executions_attempt, build_executions_build, build_executions_key, build_executions_live,
        build_executions_placing, build_executions_run, build_executions_shard;
      CREATE UNIQUE INDEX build_executions_attempt ON build_executions (build_id, attempt)
        WHERE provider_id IS NOT NULL OR finished_at IS NULL;
      CREATE UNIQUE INDEX build_executions_live ON build_executions (build_id) WHERE finished_at IS NULL;
      CREATE UNIQUE INDEX build_executions_key ON build_executions (concurrency_group)
        WHERE concurrency_group IS NOT NULL AND finished_at IS NULL;
      CREATE INDEX build_executions_placing ON build_executions (owner)
        WHERE provider_id IS NULL AND finished_at IS NULL;
      CREATE UNIQUE INDEX build_executions_run ON build_executions (cluster_uid, namespace_uid, pipeline_run_name)
        WHERE pipeline_run_name IS NOT NULL;
      CREATE INDEX build_executions_shard ON build_executions (provider_id, host, shard)
        WHERE provider_id IS NOT NULL AND swept_at IS NULL;

      ALTER TABLE build_events DROP CONSTRAINT build_events_pkey;
      DROP INDEX build_events_build;
      ALTER TABLE build_events ADD PRIMARY KEY (build_id, id);
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE build_events DROP CONSTRAINT build_events_pkey;
      ALTER TABLE build_events ADD PRIMARY KEY (id);
      CREATE INDEX build_events_build ON build_events (build_id, id);

      DROP INDEX build_executions_attempt, build_executions_key, build_executions_live, build_executions_placing,
        build_executions_run, build_executions_shard;
      ALTER TABLE build_executions DROP CONSTRAINT build_executions_unplaced;
      CREATE INDEX build_executions_build ON build_executions (build_id, attempt);
      CREATE UNIQUE INDEX build_executions_attempt ON build_executions (build_id, attempt) WHERE state <> 'released';
      CREATE UNIQUE INDEX build_executions_live ON build_executions (build_id)
        WHERE state IN ('placing', 'creating', 'starting', 'running', 'sealing', 'promoting');
      CREATE UNIQUE INDEX build_executions_key ON build_executions (concurrency_group)
        WHERE concurrency_group IS NOT NULL
          AND state IN ('placing', 'creating', 'starting', 'running', 'sealing', 'promoting');
      CREATE INDEX build_executions_placing ON build_executions (owner) WHERE state = 'placing';
      CREATE UNIQUE INDEX build_executions_run ON build_executions (cluster_uid, namespace_uid, pipeline_run_name)
        WHERE pipeline_run_name IS NOT NULL AND state <> 'released';
      CREATE INDEX build_executions_shard ON build_executions (provider_id, host, shard)
        WHERE state <> 'placing' AND state <> 'released' AND swept_at IS NULL;
    `);
  }
}
