import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Long work as job rows, the audit trail, and idempotency keys. */
export class CreatePlatform1795219440000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE jobs (
        id uuid PRIMARY KEY,
        type text NOT NULL,
        subject_id uuid,
        status text NOT NULL DEFAULT 'pending',
        input jsonb NOT NULL DEFAULT '{}',
        progress jsonb NOT NULL DEFAULT '[]',
        reason text,
        message text,
        owner uuid,
        token uuid,
        run_after timestamptz NOT NULL DEFAULT now(),
        attempts integer NOT NULL DEFAULT 0,
        created_by text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        finished_at timestamptz,
        CONSTRAINT jobs_status CHECK (status IN ('pending', 'running', 'succeeded', 'failed', 'cancelled'))
      );
      CREATE INDEX jobs_due ON jobs (run_after) WHERE status IN ('pending', 'running');
      CREATE INDEX jobs_subject ON jobs (subject_id, created_at DESC);

      CREATE TABLE audit_events (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        occurred_at timestamptz NOT NULL DEFAULT now(),
        actor text NOT NULL,
        actor_role text NOT NULL,
        tenant_id uuid,
        action text NOT NULL,
        object_type text NOT NULL,
        object_id text NOT NULL,
        before jsonb,
        after jsonb,
        trace_id text
      );
      CREATE INDEX audit_events_object ON audit_events (object_type, object_id, id DESC);
      CREATE RULE audit_events_no_update AS ON UPDATE TO audit_events DO INSTEAD NOTHING;
      CREATE RULE audit_events_no_delete AS ON DELETE TO audit_events DO INSTEAD NOTHING;

      CREATE TABLE idempotency_keys (
        caller text NOT NULL,
        tenant_id uuid NOT NULL,
        key text NOT NULL,
        request_hash bytea NOT NULL,
        status integer,
        headers jsonb,
        response jsonb,
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (caller, tenant_id, key)
      );
      CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
    `);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE idempotency_keys, audit_events, jobs');
  }
}
