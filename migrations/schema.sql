-- Written from the catalog of a migrated database. Read it; change the migrations.

CREATE TABLE api_keys (
  id uuid NOT NULL,
  name text NOT NULL,
  role text NOT NULL,
  tenant_id uuid,
  key_hash bytea NOT NULL,
  created_by text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  last_used_at timestamp with time zone,
  CONSTRAINT api_keys_role CHECK (role = ANY (ARRAY['system-admin'::text, 'platform-operator'::text, 'tenant-admin'::text, 'developer'::text, 'viewer'::text])),
  CONSTRAINT api_keys_tenant CHECK ((tenant_id IS NULL) = (role = ANY (ARRAY['system-admin'::text, 'platform-operator'::text]))),
  CONSTRAINT api_keys_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id) ON DELETE CASCADE,
  CONSTRAINT api_keys_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX api_keys_hash ON public.api_keys USING btree (key_hash);

CREATE TABLE audit_events (
  id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  occurred_at timestamp with time zone NOT NULL DEFAULT now(),
  actor text NOT NULL,
  actor_role text NOT NULL,
  tenant_id uuid,
  action text NOT NULL,
  object_type text NOT NULL,
  object_id text NOT NULL,
  before jsonb,
  after jsonb,
  trace_id text,
  CONSTRAINT audit_events_pkey PRIMARY KEY (id)
);
CREATE INDEX audit_events_object ON public.audit_events USING btree (object_type, object_id, id DESC);
CREATE RULE audit_events_no_delete AS
    ON DELETE TO public.audit_events DO INSTEAD NOTHING;
CREATE RULE audit_events_no_update AS
    ON UPDATE TO public.audit_events DO INSTEAD NOTHING;

CREATE TABLE build_artifacts (
  id uuid NOT NULL,
  build_id uuid NOT NULL,
  execution_id uuid NOT NULL,
  name text NOT NULL,
  type text NOT NULL,
  uri text NOT NULL,
  digest text,
  size_bytes bigint,
  platform text,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT build_artifacts_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX build_artifacts_of_build ON public.build_artifacts USING btree (build_id, execution_id, name);

CREATE TABLE build_configs (
  build_id uuid NOT NULL,
  build_method text NOT NULL,
  dockerfile_path text,
  build_context text,
  target text,
  build_args jsonb NOT NULL DEFAULT '{}'::jsonb,
  platforms text[] NOT NULL DEFAULT '{}'::text[],
  cache_repo text,
  metadata jsonb NOT NULL DEFAULT '{}'::jsonb,
  packer_template text,
  variables jsonb NOT NULL DEFAULT '{}'::jsonb,
  CONSTRAINT build_configs_build_id_fkey FOREIGN KEY (build_id) REFERENCES builds(id) ON DELETE CASCADE,
  CONSTRAINT build_configs_pkey PRIMARY KEY (build_id)
);

CREATE TABLE build_events (
  id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
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
  occurred_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT build_events_subject CHECK (subject = ANY (ARRAY['build'::text, 'execution'::text, 'waiting'::text])),
  CONSTRAINT build_events_pkey PRIMARY KEY (build_id, id)
);

CREATE TABLE build_executions (
  id uuid NOT NULL,
  build_id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  attempt integer NOT NULL,
  state text NOT NULL,
  owner uuid NOT NULL,
  claim_token uuid NOT NULL,
  provider_id uuid,
  provider_generation integer,
  host text NOT NULL DEFAULT ''::text,
  shard integer,
  cluster_uid text,
  namespace text,
  namespace_uid text,
  pipeline_run_name text,
  pipeline_run_uid text,
  document text,
  document_hash text,
  create_unknown_since timestamp with time zone,
  waiting_reason text,
  waiting_message text,
  stop_intent text,
  stop_requested_at timestamp with time zone,
  outcome text,
  reason text,
  message text,
  fault text,
  image_digest text,
  results jsonb NOT NULL DEFAULT '{}'::jsonb,
  final_document jsonb,
  claimed_at timestamp with time zone NOT NULL DEFAULT now(),
  placed_at timestamp with time zone,
  created_at timestamp with time zone,
  first_step_started_at timestamp with time zone,
  run_seconds double precision NOT NULL DEFAULT 0,
  start_seconds double precision NOT NULL DEFAULT 0,
  ended_at timestamp with time zone,
  outcome_at timestamp with time zone,
  slot_held boolean NOT NULL DEFAULT true,
  pods_over_at timestamp with time zone,
  credentials_removed_at timestamp with time zone,
  log_sealed_at timestamp with time zone,
  log_gap text,
  log_day date,
  promoted_at timestamp with time zone,
  finished_at timestamp with time zone,
  swept_at timestamp with time zone,
  first_loss_at timestamp with time zone,
  cpu_millis integer NOT NULL DEFAULT 1000,
  memory_bytes bigint NOT NULL DEFAULT '2147483648'::bigint,
  concurrency_group text,
  failure_class text,
  retry_decision text,
  retry_reason text,
  retry_message text,
  next_attempt_at timestamp with time zone,
  avoided boolean NOT NULL DEFAULT false,
  ephemeral_storage_limit_bytes bigint,
  workspace_bytes bigint,
  node_name text,
  pods_presumed_over boolean NOT NULL DEFAULT false,
  run_since timestamp with time zone,
  CONSTRAINT build_executions_done CHECK ((finished_at IS NOT NULL) = (state = ANY (ARRAY['succeeded'::text, 'failed'::text, 'cancelled'::text, 'moved'::text, 'lost'::text, 'released'::text]))),
  CONSTRAINT build_executions_failure_class CHECK (failure_class = ANY (ARRAY['user'::text, 'resource'::text, 'disruption'::text, 'registry'::text, 'cluster'::text, 'platform'::text, 'unknown'::text])),
  CONSTRAINT build_executions_fixed CHECK ((state <> ALL (ARRAY['sealing'::text, 'promoting'::text, 'succeeded'::text, 'failed'::text, 'cancelled'::text, 'moved'::text])) OR outcome IS NOT NULL),
  CONSTRAINT build_executions_intent CHECK (stop_intent = ANY (ARRAY['UserCancel'::text, 'StartLimit'::text, 'RunLimit'::text, 'Drain'::text, 'Superseded'::text])),
  CONSTRAINT build_executions_outcome CHECK (outcome = ANY (ARRAY['succeeded'::text, 'failed'::text, 'cancelled'::text, 'moved'::text])),
  CONSTRAINT build_executions_placed CHECK ((state = ANY (ARRAY['placing'::text, 'released'::text])) OR provider_id IS NOT NULL AND shard IS NOT NULL AND document IS NOT NULL AND document_hash IS NOT NULL AND pipeline_run_name IS NOT NULL AND namespace IS NOT NULL AND cluster_uid IS NOT NULL AND log_day IS NOT NULL),
  CONSTRAINT build_executions_retry CHECK ((retry_decision IS NULL) = (retry_reason IS NULL) AND (retry_decision IS NULL OR failure_class IS NOT NULL)),
  CONSTRAINT build_executions_retry_decision CHECK (retry_decision = ANY (ARRAY['retry'::text, 'stop'::text])),
  CONSTRAINT build_executions_sealed CHECK ((state <> ALL (ARRAY['promoting'::text, 'succeeded'::text])) OR log_sealed_at IS NOT NULL),
  CONSTRAINT build_executions_slot CHECK (NOT (slot_held AND finished_at IS NOT NULL)),
  CONSTRAINT build_executions_state CHECK (state = ANY (ARRAY['placing'::text, 'creating'::text, 'starting'::text, 'running'::text, 'sealing'::text, 'promoting'::text, 'succeeded'::text, 'failed'::text, 'cancelled'::text, 'moved'::text, 'lost'::text, 'released'::text])),
  CONSTRAINT build_executions_unplaced CHECK ((state = ANY (ARRAY['placing'::text, 'released'::text])) = (provider_id IS NULL)),
  CONSTRAINT build_executions_pkey PRIMARY KEY (id)
) WITH (fillfactor=70, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0);
CREATE UNIQUE INDEX build_executions_attempt ON public.build_executions USING btree (build_id, attempt) WHERE ((provider_id IS NOT NULL) OR (finished_at IS NULL));
CREATE UNIQUE INDEX build_executions_key ON public.build_executions USING btree (concurrency_group) WHERE ((concurrency_group IS NOT NULL) AND (finished_at IS NULL));
CREATE UNIQUE INDEX build_executions_live ON public.build_executions USING btree (build_id) WHERE (finished_at IS NULL);
CREATE INDEX build_executions_placing ON public.build_executions USING btree (owner) WHERE ((provider_id IS NULL) AND (finished_at IS NULL));
CREATE INDEX build_executions_shard ON public.build_executions USING btree (provider_id, host, shard) WHERE ((provider_id IS NOT NULL) AND (swept_at IS NULL));

CREATE TABLE build_log_chunks (
  day date NOT NULL,
  execution_id uuid NOT NULL,
  step text NOT NULL,
  seq integer NOT NULL,
  byte_offset bigint NOT NULL,
  line_offset bigint NOT NULL,
  line_count integer NOT NULL,
  raw_bytes integer NOT NULL,
  codec text NOT NULL,
  data bytea NOT NULL /* STORAGE e */,
  written_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT build_log_chunks_codec CHECK (codec = ANY (ARRAY['zstd'::text, 'none'::text])),
  CONSTRAINT build_log_chunks_pkey PRIMARY KEY (day, execution_id, step, seq)
) PARTITION BY RANGE (day);

CREATE TABLE build_log_cursors (
  execution_id uuid NOT NULL,
  step text NOT NULL,
  task text NOT NULL,
  step_name text NOT NULL,
  ordinal integer NOT NULL,
  day date NOT NULL,
  token uuid NOT NULL,
  next_seq integer NOT NULL DEFAULT 0,
  byte_offset bigint NOT NULL DEFAULT 0,
  line_offset bigint NOT NULL DEFAULT 0,
  last_time text,
  last_time_count integer NOT NULL DEFAULT 0,
  gaps integer NOT NULL DEFAULT 0,
  ended_at timestamp with time zone,
  CONSTRAINT build_log_cursors_pkey PRIMARY KEY (execution_id, step)
) WITH (fillfactor=60);
CREATE INDEX build_log_cursors_day ON public.build_log_cursors USING btree (day);

CREATE TABLE build_specs (
  build_id uuid NOT NULL,
  request jsonb NOT NULL,
  git_repository_url text NOT NULL,
  registry_auth_id uuid,
  repository_auth_id uuid,
  CONSTRAINT build_specs_build_id_fkey FOREIGN KEY (build_id) REFERENCES builds(id) ON DELETE CASCADE,
  CONSTRAINT build_specs_pkey PRIMARY KEY (build_id)
);

CREATE TABLE builds (
  id uuid NOT NULL,
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
  parked_wake_at timestamp with time zone,
  parked_wake_on text,
  build_method text NOT NULL,
  infrastructure_type text NOT NULL,
  requested_provider_id uuid,
  priority integer NOT NULL DEFAULT 0,
  attempt integer NOT NULL DEFAULT 0,
  bounces integer NOT NULL DEFAULT 0,
  not_before timestamp with time zone,
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
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  queued_at timestamp with time zone NOT NULL DEFAULT now(),
  queued_seconds double precision NOT NULL DEFAULT 0,
  queue_deadline bigint GENERATED ALWAYS AS (
CASE
    WHEN (status = 'queued'::text) THEN ((((EXTRACT(epoch FROM (queued_at - '1970-01-01 00:00:00+00'::timestamp with time zone)))::double precision + ((queue_timeout_minutes * 60))::double precision) - queued_seconds))::bigint
    ELSE NULL::bigint
END) STORED,
  started_at timestamp with time zone,
  finished_at timestamp with time zone,
  cancel_requested_at timestamp with time zone,
  cancel_requested_by text,
  cancel_reason text,
  cpu_millis integer NOT NULL DEFAULT 1000,
  memory_bytes bigint NOT NULL DEFAULT '2147483648'::bigint,
  cpu_limit_millis integer,
  memory_limit_bytes bigint,
  concurrency_policy text,
  live_key text GENERATED ALWAYS AS (
CASE
    WHEN (finished_at IS NULL) THEN concurrency_key
    ELSE NULL::text
END) STORED,
  parked_order bigint GENERATED ALWAYS AS (
CASE
    WHEN (parked IS NOT NULL) THEN ((floor((EXTRACT(epoch FROM (GREATEST(created_at, not_before) - '1970-01-01 00:00:00+00'::timestamp with time zone)) * (1000)::numeric)))::bigint - (priority * (300000)::bigint))
    ELSE NULL::bigint
END) STORED,
  ephemeral_storage_bytes bigint,
  ephemeral_storage_limit_bytes bigint,
  workspace_bytes bigint,
  cancel_intent text,
  CONSTRAINT builds_cancel_intent CHECK (cancel_intent = ANY (ARRAY['UserCancel'::text, 'Superseded'::text])),
  CONSTRAINT builds_concurrency CHECK ((concurrency_key IS NULL) = (concurrency_policy IS NULL) AND (concurrency_policy = ANY (ARRAY['queue'::text, 'cancel_queued'::text, 'cancel_running'::text, 'reject'::text]))),
  CONSTRAINT builds_finished CHECK ((finished_at IS NOT NULL) = (status = ANY (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text]))),
  CONSTRAINT builds_infrastructure CHECK (infrastructure_type = ANY (ARRAY['kubernetes'::text, 'local'::text])),
  CONSTRAINT builds_method CHECK (build_method = ANY (ARRAY['docker'::text, 'buildx'::text, 'kaniko'::text, 'packer'::text])),
  CONSTRAINT builds_parked_wakes CHECK (parked IS NULL OR parked_wake_at IS NOT NULL OR parked_wake_on IS NOT NULL),
  CONSTRAINT builds_queued CHECK ((status = 'queued'::text) = (queue_key IS NOT NULL OR parked IS NOT NULL) AND NOT (queue_key IS NOT NULL AND parked IS NOT NULL)),
  CONSTRAINT builds_resources CHECK (cpu_millis > 0 AND memory_bytes > 0 AND cpu_limit_millis >= cpu_millis AND memory_limit_bytes >= memory_bytes),
  CONSTRAINT builds_status CHECK (status = ANY (ARRAY['queued'::text, 'running'::text, 'cancelling'::text, 'completed'::text, 'failed'::text, 'cancelled'::text])),
  CONSTRAINT builds_storage CHECK (ephemeral_storage_bytes > 0 AND ephemeral_storage_limit_bytes >= ephemeral_storage_bytes AND workspace_bytes > 0),
  CONSTRAINT builds_pkey PRIMARY KEY (id)
) WITH (fillfactor=85, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=1000, autovacuum_vacuum_cost_delay=0);
CREATE INDEX builds_claim ON public.builds USING btree (tenant_id, queue_key) WHERE (queue_key IS NOT NULL);
CREATE INDEX builds_list ON public.builds USING btree (tenant_id, id DESC);
CREATE INDEX builds_live_key ON public.builds USING btree (project_id, live_key) WHERE (live_key IS NOT NULL);
CREATE UNIQUE INDEX builds_number ON public.builds USING btree (project_id, build_number);
CREATE INDEX builds_parked_event ON public.builds USING btree (parked_wake_on, tenant_id, parked_order) WHERE (parked IS NOT NULL);
CREATE INDEX builds_parked_time ON public.builds USING btree (parked_wake_at) WHERE (parked IS NOT NULL);
CREATE INDEX builds_project ON public.builds USING btree (tenant_id, project_id, id DESC);
CREATE INDEX builds_queue_deadline ON public.builds USING btree (queue_deadline) WHERE (queue_deadline IS NOT NULL);

CREATE TABLE cluster_shards (
  provider_id uuid NOT NULL,
  host text NOT NULL DEFAULT ''::text,
  shard integer NOT NULL,
  owner uuid,
  token uuid,
  acquired_count bigint NOT NULL DEFAULT 0,
  acquired_at timestamp with time zone,
  compared_identity text,
  freed_at timestamp with time zone,
  CONSTRAINT cluster_shards_owned CHECK ((owner IS NULL) = (token IS NULL)),
  CONSTRAINT cluster_shards_provider_id_fkey FOREIGN KEY (provider_id) REFERENCES providers(id) ON DELETE CASCADE,
  CONSTRAINT cluster_shards_pkey PRIMARY KEY (provider_id, host, shard)
) WITH (fillfactor=50);
CREATE INDEX cluster_shards_owner ON public.cluster_shards USING btree (owner) WHERE (owner IS NOT NULL);

CREATE TABLE config_file (
  singleton boolean NOT NULL DEFAULT true,
  path text NOT NULL,
  hash text,
  settings jsonb NOT NULL DEFAULT '{}'::jsonb,
  refused jsonb NOT NULL DEFAULT '[]'::jsonb,
  applied_at timestamp with time zone,
  applied_by text,
  rejected_hash text,
  rejected_at timestamp with time zone,
  rejected_by text,
  problems jsonb NOT NULL DEFAULT '[]'::jsonb,
  check_due_at timestamp with time zone NOT NULL DEFAULT now(),
  stale_hash text,
  stale_by text,
  stale_at timestamp with time zone,
  CONSTRAINT config_file_singleton CHECK (singleton),
  CONSTRAINT config_file_pkey PRIMARY KEY (singleton)
);

CREATE TABLE config_file_contents (
  hash text NOT NULL,
  first_applied_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT config_file_contents_pkey PRIMARY KEY (hash)
);

CREATE TABLE discovered_clusters (
  id uuid NOT NULL,
  cloud text NOT NULL,
  account text NOT NULL,
  location text NOT NULL,
  resource_group text NOT NULL DEFAULT ''::text,
  name text NOT NULL,
  facts jsonb NOT NULL,
  changes jsonb NOT NULL DEFAULT '[]'::jsonb,
  provider_id uuid,
  first_seen_at timestamp with time zone NOT NULL DEFAULT now(),
  last_seen_at timestamp with time zone NOT NULL DEFAULT now(),
  changed_at timestamp with time zone,
  vanished_at timestamp with time zone,
  seen_by text,
  retired_at timestamp with time zone,
  CONSTRAINT discovered_clusters_cloud CHECK (cloud = ANY (ARRAY['aws'::text, 'gcp'::text, 'azure'::text])),
  CONSTRAINT discovered_clusters_provider_id_fkey FOREIGN KEY (provider_id) REFERENCES providers(id) ON DELETE SET NULL,
  CONSTRAINT discovered_clusters_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX discovered_clusters_key ON public.discovered_clusters USING btree (cloud, account, location, resource_group, name);
CREATE UNIQUE INDEX discovered_clusters_provider ON public.discovered_clusters USING btree (provider_id) WHERE (provider_id IS NOT NULL);

CREATE TABLE dispatchers (
  id uuid NOT NULL,
  host text NOT NULL,
  version text NOT NULL,
  state text NOT NULL DEFAULT 'running'::text,
  slots integer NOT NULL,
  slots_used integer NOT NULL DEFAULT 0,
  started_at timestamp with time zone NOT NULL DEFAULT now(),
  heartbeat_at timestamp with time zone NOT NULL DEFAULT now(),
  lease_until timestamp with time zone NOT NULL,
  metrics jsonb NOT NULL DEFAULT '{}'::jsonb,
  unreachable_providers uuid[] NOT NULL DEFAULT '{}'::uuid[],
  CONSTRAINT dispatchers_state CHECK (state = ANY (ARRAY['running'::text, 'stopping'::text, 'stopped'::text])),
  CONSTRAINT dispatchers_pkey PRIMARY KEY (id)
) WITH (fillfactor=50);

CREATE TABLE idempotency_keys (
  caller text NOT NULL,
  tenant_id uuid NOT NULL,
  key text NOT NULL,
  request_hash bytea NOT NULL,
  status integer,
  headers jsonb,
  response jsonb,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT idempotency_keys_pkey PRIMARY KEY (caller, tenant_id, key)
);
CREATE INDEX idempotency_keys_age ON public.idempotency_keys USING btree (created_at);

CREATE TABLE image_tags (
  repository text NOT NULL,
  tag text NOT NULL,
  build_id uuid NOT NULL,
  build_ordinal bigint NOT NULL,
  digest text NOT NULL,
  state text NOT NULL,
  updated_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT image_tags_state CHECK (state = ANY (ARRAY['promoting'::text, 'promoted'::text])),
  CONSTRAINT image_tags_pkey PRIMARY KEY (repository, tag)
);

CREATE TABLE installation (
  singleton boolean NOT NULL DEFAULT true,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  dispatch_paused boolean NOT NULL DEFAULT false,
  dispatch_paused_reason text,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  max_concurrent_builds integer,
  database_identity text,
  CONSTRAINT installation_limit CHECK (max_concurrent_builds >= 0),
  CONSTRAINT installation_singleton CHECK (singleton),
  CONSTRAINT installation_pkey PRIMARY KEY (singleton)
);

CREATE TABLE jobs (
  id uuid NOT NULL,
  type text NOT NULL,
  subject_id uuid,
  status text NOT NULL DEFAULT 'pending'::text,
  input jsonb NOT NULL DEFAULT '{}'::jsonb,
  progress jsonb NOT NULL DEFAULT '[]'::jsonb,
  reason text,
  message text,
  owner uuid,
  token uuid,
  run_after timestamp with time zone NOT NULL DEFAULT now(),
  attempts integer NOT NULL DEFAULT 0,
  created_by text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  finished_at timestamp with time zone,
  CONSTRAINT jobs_status CHECK (status = ANY (ARRAY['pending'::text, 'running'::text, 'succeeded'::text, 'failed'::text, 'cancelled'::text])),
  CONSTRAINT jobs_pkey PRIMARY KEY (id)
);
CREATE INDEX jobs_due ON public.jobs USING btree (run_after) WHERE (status = ANY (ARRAY['pending'::text, 'running'::text]));
CREATE INDEX jobs_subject ON public.jobs USING btree (subject_id, created_at DESC);
CREATE INDEX jobs_type ON public.jobs USING btree (type, created_at DESC);

CREATE TABLE lanes (
  tenant_id uuid NOT NULL,
  max_running integer NOT NULL,
  weight integer NOT NULL DEFAULT 1,
  queued integer NOT NULL DEFAULT 0,
  parked integer NOT NULL DEFAULT 0,
  running integer NOT NULL DEFAULT 0,
  served_at timestamp with time zone NOT NULL DEFAULT now(),
  ready boolean NOT NULL GENERATED ALWAYS AS (((queued > 0) AND (running < max_running))) STORED,
  guaranteed integer NOT NULL DEFAULT 0,
  running_cpu bigint NOT NULL DEFAULT 0,
  running_memory bigint NOT NULL DEFAULT 0,
  served double precision NOT NULL DEFAULT 0,
  CONSTRAINT lanes_counters CHECK (queued >= 0 AND parked >= 0 AND running >= 0),
  CONSTRAINT lanes_resources CHECK (guaranteed >= 0 AND running_cpu >= 0 AND running_memory >= 0),
  CONSTRAINT lanes_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id) ON DELETE CASCADE,
  CONSTRAINT lanes_pkey PRIMARY KEY (tenant_id)
) WITH (fillfactor=40, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500, autovacuum_vacuum_cost_delay=0);

CREATE TABLE placement_decisions (
  execution_id uuid NOT NULL,
  build_id uuid NOT NULL,
  attempt integer NOT NULL,
  decision jsonb NOT NULL,
  decided_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT placement_decisions_pkey PRIMARY KEY (execution_id)
);
CREATE INDEX placement_decisions_build ON public.placement_decisions USING btree (build_id, decided_at);

CREATE TABLE project_lanes (
  project_id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  max_running integer NOT NULL,
  running integer NOT NULL DEFAULT 0,
  CONSTRAINT project_lanes_counters CHECK (max_running >= 1 AND running >= 0),
  CONSTRAINT project_lanes_project_id_fkey FOREIGN KEY (project_id) REFERENCES projects(id) ON DELETE CASCADE,
  CONSTRAINT project_lanes_pkey PRIMARY KEY (project_id)
) WITH (fillfactor=40, autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=500, autovacuum_vacuum_cost_delay=0);

CREATE TABLE projects (
  id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  name text NOT NULL,
  git_repository_url text NOT NULL,
  git_branch text NOT NULL DEFAULT 'main'::text,
  dockerfile_path text NOT NULL DEFAULT 'Dockerfile'::text,
  build_context text NOT NULL DEFAULT '.'::text,
  registry_repo text,
  registry_auth_id uuid,
  repository_auth_id uuid,
  build_timeout_minutes integer NOT NULL DEFAULT 30,
  next_build_number integer NOT NULL DEFAULT 1,
  version integer NOT NULL DEFAULT 1,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  updated_at timestamp with time zone NOT NULL DEFAULT now(),
  deleted_at timestamp with time zone,
  max_concurrent_builds integer,
  queue_timeout_minutes integer,
  start_limit_minutes integer,
  learned_memory_bytes bigint,
  learned_ephemeral_storage_bytes bigint,
  learned_workspace_bytes bigint,
  CONSTRAINT projects_clocks CHECK (queue_timeout_minutes >= 1 AND start_limit_minutes >= 1),
  CONSTRAINT projects_limit CHECK (max_concurrent_builds >= 1),
  CONSTRAINT projects_timeout CHECK (build_timeout_minutes >= 1),
  CONSTRAINT projects_registry_auth_id_fkey FOREIGN KEY (registry_auth_id) REFERENCES registry_auths(id),
  CONSTRAINT projects_repository_auth_id_fkey FOREIGN KEY (repository_auth_id) REFERENCES repository_auths(id),
  CONSTRAINT projects_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id) ON DELETE CASCADE,
  CONSTRAINT projects_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX projects_name ON public.projects USING btree (tenant_id, lower(name)) WHERE (deleted_at IS NULL);
CREATE INDEX projects_tenant ON public.projects USING btree (tenant_id, id DESC);

CREATE TABLE provider_conditions (
  provider_id uuid NOT NULL,
  type text NOT NULL,
  status text NOT NULL,
  reason text NOT NULL,
  message text NOT NULL,
  last_transition_at timestamp with time zone NOT NULL,
  CONSTRAINT provider_conditions_status CHECK (status = ANY (ARRAY['True'::text, 'False'::text, 'Unknown'::text])),
  CONSTRAINT provider_conditions_provider_id_fkey FOREIGN KEY (provider_id) REFERENCES providers(id) ON DELETE CASCADE,
  CONSTRAINT provider_conditions_pkey PRIMARY KEY (provider_id, type)
);

CREATE TABLE provider_permissions (
  provider_id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  granted_by text NOT NULL,
  granted_at timestamp with time zone NOT NULL DEFAULT now(),
  expires_at timestamp with time zone,
  CONSTRAINT provider_permissions_provider_id_fkey FOREIGN KEY (provider_id) REFERENCES providers(id) ON DELETE CASCADE,
  CONSTRAINT provider_permissions_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id) ON DELETE CASCADE,
  CONSTRAINT provider_permissions_pkey PRIMARY KEY (provider_id, tenant_id)
);
CREATE INDEX provider_permissions_tenant ON public.provider_permissions USING btree (tenant_id);

CREATE TABLE provider_probes (
  provider_id uuid NOT NULL,
  probed_at timestamp with time zone NOT NULL,
  prober uuid NOT NULL,
  verdict text NOT NULL,
  reason text,
  message text,
  version_ms integer,
  tekton_ms integer,
  nodes_ms integer,
  CONSTRAINT provider_probes_verdict CHECK (verdict = ANY (ARRAY['healthy'::text, 'degraded'::text, 'unhealthy'::text, 'unknown'::text])),
  CONSTRAINT provider_probes_provider_id_fkey FOREIGN KEY (provider_id) REFERENCES providers(id) ON DELETE CASCADE,
  CONSTRAINT provider_probes_pkey PRIMARY KEY (provider_id, probed_at)
);

CREATE TABLE providers (
  id uuid NOT NULL,
  name text NOT NULL,
  provider_type text NOT NULL,
  source text NOT NULL DEFAULT 'api'::text,
  is_global boolean NOT NULL DEFAULT false,
  is_default boolean NOT NULL DEFAULT false,
  state text NOT NULL DEFAULT 'enabled'::text,
  drain_deadline_at timestamp with time zone,
  generation integer NOT NULL DEFAULT 1,
  settings jsonb NOT NULL DEFAULT '{}'::jsonb,
  credential_sealed bytea,
  credential_key_id text,
  credential_fingerprint text,
  credential_version integer NOT NULL DEFAULT 1,
  credential_expires_at timestamp with time zone,
  credential_last_used_at timestamp with time zone,
  capabilities text[] NOT NULL DEFAULT '{}'::text[],
  labels jsonb NOT NULL DEFAULT '{}'::jsonb,
  max_concurrent_builds integer NOT NULL DEFAULT 0,
  running integer NOT NULL DEFAULT 0,
  region text,
  price_per_minute numeric,
  allow_privileged boolean NOT NULL DEFAULT false,
  shard_count integer NOT NULL DEFAULT 8,
  cluster_uid text,
  nonce uuid NOT NULL DEFAULT gen_random_uuid(),
  previous_nonce uuid,
  nonce_rolled_at timestamp with time zone NOT NULL DEFAULT now(),
  health text NOT NULL DEFAULT 'unknown'::text,
  tekton_answers boolean NOT NULL DEFAULT false,
  watch_fresh boolean NOT NULL DEFAULT true,
  first_loss_at timestamp with time zone,
  probed_at timestamp with time zone,
  probe_owner uuid,
  probe_due_at timestamp with time zone NOT NULL DEFAULT now(),
  last_probe jsonb,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  updated_at timestamp with time zone NOT NULL DEFAULT now(),
  unswept integer NOT NULL DEFAULT 0,
  sweep_behind boolean NOT NULL DEFAULT false,
  source_ref jsonb,
  retired_at timestamp with time zone,
  retired_state text,
  detected jsonb,
  detect_due_at timestamp with time zone NOT NULL DEFAULT now(),
  state_reason text,
  state_changed_by text,
  state_changed_at timestamp with time zone,
  health_streak integer NOT NULL DEFAULT 0,
  detail_probed_at timestamp with time zone,
  detail_generation integer,
  CONSTRAINT providers_health CHECK (health = ANY (ARRAY['healthy'::text, 'degraded'::text, 'unhealthy'::text, 'unknown'::text])),
  CONSTRAINT providers_local_closed CHECK (provider_type <> 'local'::text OR NOT is_global),
  CONSTRAINT providers_retired CHECK (retired_at IS NULL OR (state = ANY (ARRAY['draining'::text, 'disabled'::text]))),
  CONSTRAINT providers_running CHECK (running >= 0),
  CONSTRAINT providers_shards CHECK (shard_count >= 1 AND shard_count <= 64),
  CONSTRAINT providers_source CHECK (source = ANY (ARRAY['api'::text, 'file'::text, 'environment'::text, 'discovery'::text])),
  CONSTRAINT providers_state CHECK (state = ANY (ARRAY['enabled'::text, 'cordoned'::text, 'draining'::text, 'disabled'::text])),
  CONSTRAINT providers_type CHECK (provider_type = ANY (ARRAY['kubernetes'::text, 'aws-eks'::text, 'gcp-gke'::text, 'azure-aks'::text, 'local'::text])),
  CONSTRAINT providers_pkey PRIMARY KEY (id)
) WITH (fillfactor=70);
CREATE UNIQUE INDEX providers_default ON public.providers USING btree (is_default) WHERE is_default;
CREATE UNIQUE INDEX providers_name ON public.providers USING btree (lower(name));

CREATE TABLE registry_auths (
  id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  name text NOT NULL,
  type text NOT NULL,
  sealed bytea NOT NULL,
  key_id text NOT NULL,
  fingerprint text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT registry_auths_type CHECK (type = ANY (ARRAY['dockerconfigjson'::text, 'basic'::text])),
  CONSTRAINT registry_auths_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id) ON DELETE CASCADE,
  CONSTRAINT registry_auths_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX registry_auths_name ON public.registry_auths USING btree (tenant_id, lower(name));

CREATE TABLE registry_holds (
  registry text NOT NULL,
  level integer NOT NULL DEFAULT 0,
  builds integer NOT NULL DEFAULT 0,
  held_at timestamp with time zone,
  held_until timestamp with time zone,
  message text,
  tenant_id uuid,
  CONSTRAINT registry_holds_pkey PRIMARY KEY (registry)
);

CREATE TABLE registry_troubles (
  registry text NOT NULL,
  build_id uuid NOT NULL,
  met_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT registry_troubles_registry_fkey FOREIGN KEY (registry) REFERENCES registry_holds(registry) ON DELETE CASCADE,
  CONSTRAINT registry_troubles_pkey PRIMARY KEY (registry, build_id)
);

CREATE TABLE repository_auths (
  id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  name text NOT NULL,
  type text NOT NULL,
  sealed bytea NOT NULL,
  key_id text NOT NULL,
  fingerprint text NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT repository_auths_type CHECK (type = ANY (ARRAY['token'::text, 'basic'::text, 'ssh_key'::text])),
  CONSTRAINT repository_auths_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id) ON DELETE CASCADE,
  CONSTRAINT repository_auths_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX repository_auths_name ON public.repository_auths USING btree (tenant_id, lower(name));

CREATE TABLE source_holds (
  source text NOT NULL,
  content text NOT NULL,
  held_at timestamp with time zone NOT NULL,
  CONSTRAINT source_holds_pkey PRIMARY KEY (source, content)
);

CREATE TABLE tenant_namespaces (
  provider_id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  cluster_uid text NOT NULL,
  name text NOT NULL,
  uid text NOT NULL,
  content_hash text NOT NULL,
  ensured_at timestamp with time zone NOT NULL DEFAULT now(),
  CONSTRAINT tenant_namespaces_provider_id_fkey FOREIGN KEY (provider_id) REFERENCES providers(id) ON DELETE CASCADE,
  CONSTRAINT tenant_namespaces_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(id) ON DELETE CASCADE,
  CONSTRAINT tenant_namespaces_pkey PRIMARY KEY (provider_id, tenant_id)
);
CREATE UNIQUE INDEX tenant_namespaces_name ON public.tenant_namespaces USING btree (provider_id, cluster_uid, name);

CREATE TABLE tenants (
  id uuid NOT NULL DEFAULT gen_random_uuid(),
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
  allowed_methods text[] NOT NULL DEFAULT '{docker,buildx,kaniko,packer}'::text[],
  capabilities text[] NOT NULL DEFAULT '{}'::text[],
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  updated_at timestamp with time zone NOT NULL DEFAULT now(),
  max_ephemeral_storage text,
  max_workspace_size text,
  CONSTRAINT tenants_limits CHECK (max_concurrent_builds >= 0 AND guaranteed_builds >= 0 AND max_queued_builds >= 0 AND weight >= 1 AND max_priority >= 0 AND queue_timeout_minutes >= 1 AND start_limit_minutes >= 1 AND max_build_timeout_minutes >= 1),
  CONSTRAINT tenants_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX tenants_name ON public.tenants USING btree (lower(name));

CREATE OR REPLACE FUNCTION public.database_identity()
 RETURNS text
 LANGUAGE plpgsql
 STABLE PARALLEL RESTRICTED
AS $function$
      DECLARE
        system text := '?';
        timeline text := '@' || floor(extract(epoch FROM pg_postmaster_start_time()));
      BEGIN
        BEGIN
          IF has_function_privilege('pg_control_system()', 'EXECUTE') THEN
            system := (SELECT system_identifier FROM pg_control_system());
          END IF;
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
        BEGIN
          IF NOT pg_is_in_recovery() THEN
            timeline := substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8);
          END IF;
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
        RETURN system || '/' || timeline;
      END $function$
;
