import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Builds (the queue), their configuration, their executions, placement decisions, timeline, artifacts and tag order.
 * Hot tables carry no foreign key to `builds`: a key check takes KEY SHARE on the build, and the claim's FOR UPDATE
 * SKIP LOCKED would then take it for locked.
 */
export class CreateBuilds1795219320000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE builds (
        id uuid PRIMARY KEY,
        ordinal bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
        tenant_id uuid NOT NULL,
        project_id uuid NOT NULL,
        build_number integer NOT NULL,
        status text NOT NULL,
        reason text,
        message text,
        queue_key bigint,
        parked text,
        parked_message text,
        parked_wake_at timestamptz,
        parked_wake_on text,
        build_method text NOT NULL,
        infrastructure_type text NOT NULL,
        requested_provider_id uuid,
        priority integer NOT NULL DEFAULT 0,
        attempt integer NOT NULL DEFAULT 0,
        bounces integer NOT NULL DEFAULT 0,
        not_before timestamptz,
        build_timeout_minutes integer NOT NULL,
        queue_timeout_minutes integer NOT NULL,
        start_limit_minutes integer NOT NULL,
        git_branch text,
        git_commit text,
        tags text[] NOT NULL,
        image_repository text,
        image_digest text,
        retry_of uuid,
        concurrency_key text,
        traceparent text,
        created_by text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        queued_at timestamptz NOT NULL DEFAULT now(),
        queued_seconds double precision NOT NULL DEFAULT 0,
        queue_deadline bigint GENERATED ALWAYS AS (CASE WHEN status = 'queued' THEN
          (extract(epoch FROM queued_at - timestamptz '1970-01-01 00:00:00+00')::double precision
            + queue_timeout_minutes * 60 - queued_seconds)::bigint END) STORED,
        started_at timestamptz,
        finished_at timestamptz,
        cancel_requested_at timestamptz,
        cancel_requested_by text,
        cancel_reason text,
        CONSTRAINT builds_status CHECK (status IN ('queued', 'running', 'cancelling', 'completed', 'failed', 'cancelled')),
        CONSTRAINT builds_method CHECK (build_method IN ('docker', 'buildx', 'kaniko', 'packer')),
        CONSTRAINT builds_infrastructure CHECK (infrastructure_type IN ('kubernetes', 'local')),
        CONSTRAINT builds_queued CHECK (
          (status = 'queued') = (queue_key IS NOT NULL OR parked IS NOT NULL) AND NOT (queue_key IS NOT NULL AND parked IS NOT NULL)),
        CONSTRAINT builds_parked_wakes CHECK (parked IS NULL OR parked_wake_at IS NOT NULL OR parked_wake_on IS NOT NULL),
        CONSTRAINT builds_finished CHECK ((finished_at IS NOT NULL) = (status IN ('completed', 'failed', 'cancelled')))
      ) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
      CREATE UNIQUE INDEX builds_number ON builds (project_id, build_number);
      CREATE INDEX builds_claim ON builds (tenant_id, queue_key) WHERE queue_key IS NOT NULL;
      CREATE INDEX builds_parked_time ON builds (parked_wake_at) WHERE parked IS NOT NULL;
      CREATE INDEX builds_parked_event ON builds (parked_wake_on, ordinal) WHERE parked IS NOT NULL;
      CREATE INDEX builds_queue_deadline ON builds (queue_deadline) WHERE queue_deadline IS NOT NULL;
      CREATE INDEX builds_list ON builds (tenant_id, id DESC);
      CREATE INDEX builds_project ON builds (tenant_id, project_id, id DESC);

      CREATE TABLE build_configs (
        build_id uuid PRIMARY KEY REFERENCES builds (id) ON DELETE CASCADE,
        build_method text NOT NULL,
        dockerfile_path text,
        build_context text,
        target text,
        build_args jsonb NOT NULL DEFAULT '{}',
        platforms text[] NOT NULL DEFAULT '{}',
        cache_repo text,
        metadata jsonb NOT NULL DEFAULT '{}',
        packer_template text,
        variables jsonb NOT NULL DEFAULT '{}'
      );

      CREATE TABLE build_specs (
        build_id uuid PRIMARY KEY REFERENCES builds (id) ON DELETE CASCADE,
        request jsonb NOT NULL,
        git_repository_url text NOT NULL,
        registry_auth_id uuid,
        repository_auth_id uuid
      );

      CREATE TABLE build_executions (
        id uuid PRIMARY KEY,
        build_id uuid NOT NULL,
        tenant_id uuid NOT NULL,
        attempt integer NOT NULL,
        state text NOT NULL,
        owner uuid NOT NULL,
        claim_token uuid NOT NULL,
        provider_id uuid,
        provider_generation integer,
        host text NOT NULL DEFAULT '',
        shard integer,
        cluster_uid text,
        namespace text,
        namespace_uid text,
        pipeline_run_name text,
        pipeline_run_uid text,
        document text,
        document_hash text,
        create_unknown_since timestamptz,
        waiting_reason text,
        waiting_message text,
        stop_intent text,
        stop_requested_at timestamptz,
        outcome text,
        reason text,
        message text,
        fault text,
        image_digest text,
        results jsonb NOT NULL DEFAULT '{}',
        final_document jsonb,
        claimed_at timestamptz NOT NULL DEFAULT now(),
        placed_at timestamptz,
        created_at timestamptz,
        first_step_started_at timestamptz,
        run_seconds double precision NOT NULL DEFAULT 0,
        start_seconds double precision NOT NULL DEFAULT 0,
        ended_at timestamptz,
        outcome_at timestamptz,
        slot_held boolean NOT NULL DEFAULT true,
        pods_over_at timestamptz,
        credentials_removed_at timestamptz,
        log_sealed_at timestamptz,
        log_gap text,
        log_day date,
        promoted_at timestamptz,
        finished_at timestamptz,
        swept_at timestamptz,
        first_loss_at timestamptz,
        CONSTRAINT build_executions_state CHECK (state IN ('placing', 'creating', 'starting', 'running', 'sealing', 'promoting',
          'succeeded', 'failed', 'cancelled', 'moved', 'lost', 'released')),
        CONSTRAINT build_executions_intent CHECK (stop_intent IN ('UserCancel', 'StartLimit', 'RunLimit', 'Drain', 'Superseded')),
        CONSTRAINT build_executions_outcome CHECK (outcome IN ('succeeded', 'failed', 'cancelled', 'moved')),
        CONSTRAINT build_executions_placed CHECK (
          state IN ('placing', 'released')
          OR (provider_id IS NOT NULL AND shard IS NOT NULL AND document IS NOT NULL AND document_hash IS NOT NULL
              AND pipeline_run_name IS NOT NULL AND namespace IS NOT NULL AND cluster_uid IS NOT NULL AND log_day IS NOT NULL)),
        CONSTRAINT build_executions_fixed CHECK (
          state NOT IN ('sealing', 'promoting', 'succeeded', 'failed', 'cancelled', 'moved') OR outcome IS NOT NULL),
        CONSTRAINT build_executions_sealed CHECK (state NOT IN ('promoting', 'succeeded') OR log_sealed_at IS NOT NULL),
        CONSTRAINT build_executions_done CHECK (
          (finished_at IS NOT NULL) = (state IN ('succeeded', 'failed', 'cancelled', 'moved', 'lost', 'released'))),
        CONSTRAINT build_executions_slot CHECK (NOT (slot_held AND finished_at IS NOT NULL))
      ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
      CREATE UNIQUE INDEX build_executions_live ON build_executions (build_id)
        WHERE state IN ('placing', 'creating', 'starting', 'running', 'sealing', 'promoting');
      CREATE UNIQUE INDEX build_executions_attempt ON build_executions (build_id, attempt) WHERE state <> 'released';
      CREATE INDEX build_executions_build ON build_executions (build_id, attempt);
      CREATE UNIQUE INDEX build_executions_run ON build_executions (cluster_uid, namespace_uid, pipeline_run_name)
        WHERE pipeline_run_name IS NOT NULL AND state <> 'released';
      CREATE INDEX build_executions_placing ON build_executions (owner) WHERE state = 'placing';
      CREATE INDEX build_executions_shard ON build_executions (provider_id, host, shard)
        WHERE state <> 'placing' AND state <> 'released' AND swept_at IS NULL;

      CREATE TABLE placement_decisions (
        execution_id uuid PRIMARY KEY,
        build_id uuid NOT NULL,
        attempt integer NOT NULL,
        decision jsonb NOT NULL,
        decided_at timestamptz NOT NULL DEFAULT now()
      );
      CREATE INDEX placement_decisions_build ON placement_decisions (build_id, decided_at);

      CREATE TABLE build_events (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        build_id uuid NOT NULL,
        tenant_id uuid NOT NULL,
        execution_id uuid,
        attempt integer,
        subject text NOT NULL,
        from_state text,
        to_state text,
        reason text,
        message text,
        actor text NOT NULL,
        occurred_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT build_events_subject CHECK (subject IN ('build', 'execution', 'waiting'))
      );
      CREATE INDEX build_events_build ON build_events (build_id, id);

      CREATE TABLE build_artifacts (
        id uuid PRIMARY KEY,
        build_id uuid NOT NULL,
        execution_id uuid NOT NULL,
        name text NOT NULL,
        type text NOT NULL,
        uri text NOT NULL,
        digest text,
        size_bytes bigint,
        platform text,
        created_at timestamptz NOT NULL DEFAULT now()
      );
      CREATE UNIQUE INDEX build_artifacts_name ON build_artifacts (execution_id, name);
      CREATE INDEX build_artifacts_build ON build_artifacts (build_id);

      CREATE TABLE image_tags (
        repository text NOT NULL,
        tag text NOT NULL,
        build_id uuid NOT NULL,
        build_ordinal bigint NOT NULL,
        digest text NOT NULL,
        state text NOT NULL,
        updated_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (repository, tag),
        CONSTRAINT image_tags_state CHECK (state IN ('promoting', 'promoted'))
      );
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      'DROP TABLE image_tags, build_artifacts, build_events, placement_decisions, build_executions, build_specs, build_configs, builds',
    );
  }
}
