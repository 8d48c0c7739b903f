/** Names that the suite's own connections and dispatcher processes go by in the triggers. */
export const VIOLATIONS = 'chaos_violations';

/**
 * Triggers of the suite, in the round's own database: they see each write in its own transaction, so nothing that was
 * wrong for a moment only can hide, and a write that is rolled back counts for nothing.
 *
 * - a terminal build or execution never changes its state again;
 * - an execution that is on a cluster, and its log, is written only by the process that owns its shard at that moment,
 *   as the process's connections say themselves (`chaos.process`). Writes of the suite have no such name.
 */
export const GUARD_TRIGGERS = `
CREATE TABLE ${VIOLATIONS} (id bigserial PRIMARY KEY, rule text NOT NULL, detail text NOT NULL,
                            at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE chaos_owners (dispatcher_id uuid PRIMARY KEY, process text NOT NULL);

CREATE FUNCTION chaos_own_name() RETURNS text LANGUAGE sql STABLE AS
  $$ SELECT nullif(current_setting('chaos.process', true), '') $$;

CREATE FUNCTION chaos_registered() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO chaos_owners VALUES (NEW.id, coalesce(chaos_own_name(), 'suite')) ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER chaos_registered AFTER INSERT ON dispatchers FOR EACH ROW EXECUTE FUNCTION chaos_registered();

CREATE FUNCTION chaos_check_owner(subject text, provider uuid, on_host text, of_shard integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE owning text;
BEGIN
  IF chaos_own_name() IS NULL THEN RETURN; END IF;
  SELECT o.process INTO owning FROM cluster_shards s JOIN chaos_owners o ON o.dispatcher_id = s.owner
   WHERE s.provider_id = provider AND s.host = on_host AND s.shard = of_shard;
  IF owning IS DISTINCT FROM chaos_own_name() THEN
    INSERT INTO ${VIOLATIONS} (rule, detail) VALUES ('fence',
      subject || ' written by ' || chaos_own_name() || ', its shard belongs to ' || coalesce(owning, 'nobody'));
  END IF;
END $$;

CREATE FUNCTION chaos_build_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.status IN ('completed', 'failed', 'cancelled')
     AND (NEW.status, NEW.image_digest, NEW.finished_at) IS DISTINCT FROM (OLD.status, OLD.image_digest, OLD.finished_at)
  THEN
    INSERT INTO ${VIOLATIONS} (rule, detail)
    VALUES ('terminal', 'build ' || OLD.id || ' went from ' || OLD.status || ' to ' || NEW.status);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER chaos_build_changed AFTER UPDATE ON builds FOR EACH ROW EXECUTE FUNCTION chaos_build_changed();

CREATE FUNCTION chaos_execution_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.finished_at IS NOT NULL AND (NEW.state, NEW.outcome) IS DISTINCT FROM (OLD.state, OLD.outcome) THEN
    INSERT INTO ${VIOLATIONS} (rule, detail)
    VALUES ('terminal', 'execution ' || OLD.id || ' went from ' || OLD.state || ' to ' || NEW.state);
  END IF;
  IF OLD.outcome IS NOT NULL AND NEW.outcome IS DISTINCT FROM OLD.outcome THEN
    INSERT INTO ${VIOLATIONS} (rule, detail)
    VALUES ('terminal', 'outcome of ' || OLD.id || ' went from ' || OLD.outcome || ' to ' || coalesce(NEW.outcome, 'none'));
  END IF;
  IF OLD.state NOT IN ('placing', 'released') THEN
    PERFORM chaos_check_owner('execution ' || OLD.id || ' (' || OLD.state || ' to ' || NEW.state || ')',
                              OLD.provider_id, OLD.host, OLD.shard);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER chaos_execution_changed AFTER UPDATE ON build_executions
  FOR EACH ROW EXECUTE FUNCTION chaos_execution_changed();

CREATE FUNCTION chaos_log_written() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE e record;
BEGIN
  SELECT provider_id, host, shard INTO e FROM build_executions WHERE id = NEW.execution_id;
  PERFORM chaos_check_owner('log ' || NEW.step || ' of ' || NEW.execution_id, e.provider_id, e.host, e.shard);
  RETURN NULL;
END $$;
CREATE TRIGGER chaos_log_written AFTER INSERT ON build_log_chunks FOR EACH ROW EXECUTE FUNCTION chaos_log_written();
`;
