import { attemptTag, DomainError } from '@image-factory/domain';
import { PostgresInvariants } from '@image-factory/persistence';
import { eventually, TestSignal, type FakeRun } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DispatcherHarness, REPOSITORY } from './dispatcher-harness.js';

let harness: DispatcherHarness;
beforeEach(async () => {
  harness = await DispatcherHarness.open();
});
afterEach(() => harness.close());

function hold(): void {
  harness.cluster.defaultScript = { ...harness.cluster.defaultScript, pace: 'held' };
}

async function runOf(buildId: string): Promise<FakeRun> {
  return eventually('its run is there', () => harness.cluster.runOfBuild(buildId), { deadlineMs: 20_000 });
}

describe('after the outcome', () => {
  it('a log that cannot be read to its end becomes a marked gap, and the build ends', async () => {
    hold();
    await harness.start({ limits: { ...harness.limits, sealLimitMs: 600 } });
    const buildId = await harness.submit();
    const run = await runOf(buildId);
    harness.cluster.startRun(run);
    harness.cluster.print(run, 0, 'one');
    await harness.inState(buildId, 'running');
    harness.cluster.endRun(run);
    run.steps[1]!.ended = false;
    await harness.reaches(buildId, 'completed');
    const execution = await harness.execution(buildId);
    expect(execution.log_gap).toContain('could not be read to its end');
    expect((await harness.storedLog(execution.id, 'clone', 'clone')).bytes.toString()).toBe('one\n');
  });

  it('the slots are freed by the pods’ end, before the log is sealed', async () => {
    hold();
    await harness.start();
    const buildId = await harness.submit();
    const run = await runOf(buildId);
    harness.cluster.startRun(run);
    await harness.inState(buildId, 'running');
    harness.cluster.endRun(run);
    run.steps[1]!.ended = false;
    await eventually('slots are free', async () => {
      const { lane, provider } = await harness.counters();
      return lane === 0 && provider === 0;
    });
    expect((await harness.execution(buildId)).state).toBe('sealing');
    run.steps[1]!.ended = true;
    harness.cluster.print(run, 1, 'late');
    await harness.reaches(buildId, 'completed');
  });

  it('a run that is made late, while its attempt is given up, is over before the build is', async () => {
    hold();
    harness.cluster.failCreates(...Array.from({ length: 100 }, () => 'unknown' as const));
    let late: FakeRun | undefined;
    harness.cluster.beforeRemoveCredentials = (attempt) => {
      late ??= harness.cluster.addRun(attempt);
      if (late.phase === 'pending') harness.cluster.startRun(late);
    };
    await harness.start();
    const buildId = await harness.submit();
    await eventually('a create was tried', () => harness.cluster.createRequests.length > 0, { deadlineMs: 20_000 });
    await harness.cancel(buildId);
    await harness.reaches(buildId, 'cancelled');
    expect(late?.livePods).toBe(0);
    expect((await harness.execution(buildId)).log_gap).toContain('made after the attempt had ended');
  });

  it('a run that was made late has its gap before its pods count as over, whoever goes on from there', async () => {
    hold();
    await harness.database.query(`
      CREATE TABLE at_pods_over (log_gap text);
      CREATE FUNCTION note_pods_over() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN INSERT INTO at_pods_over VALUES (NEW.log_gap); RETURN NULL; END $$;
      CREATE TRIGGER note_pods_over AFTER UPDATE ON build_executions FOR EACH ROW
        WHEN (OLD.pods_over_at IS NULL AND NEW.pods_over_at IS NOT NULL) EXECUTE FUNCTION note_pods_over()`);
    harness.cluster.failCreates(...Array.from({ length: 100 }, () => 'unknown' as const));
    let late: FakeRun | undefined;
    harness.cluster.beforeRemoveCredentials = (attempt) => {
      if (late !== undefined) return;
      late = harness.cluster.addRun(attempt);
      harness.cluster.startRun(late);
      harness.cluster.print(late, 1, 'never read');
      harness.cluster.endRun(late);
    };
    await harness.start();
    const buildId = await harness.submit();
    await eventually('a create was tried', () => harness.cluster.createRequests.length > 0, { deadlineMs: 20_000 });
    await harness.cancel(buildId);
    await harness.reaches(buildId, 'cancelled');
    const gaps = await harness.database.query<{ log_gap: string | null }>('SELECT log_gap FROM at_pods_over');
    expect(gaps).toEqual([{ log_gap: expect.stringContaining('made after the attempt had ended') }]);
  });

  it('the attempt’s Secret is gone before the build is', async () => {
    hold();
    await harness.start();
    const buildId = await harness.submit();
    const run = await runOf(buildId);
    harness.publisher.beforePut = () => {
      expect(harness.cluster.secrets.has(run.name)).toBe(false);
      return Promise.resolve();
    };
    harness.cluster.startRun(run);
    harness.cluster.endRun(run);
    await harness.reaches(buildId, 'completed');
    expect((await harness.execution(buildId)).credentials_removed_at).not.toBeNull();
  });

  it('a Secret that does not go holds up the attempt’s end and raises an alarm, and not its slot', async () => {
    hold();
    harness.cluster.beforeRemoveCredentials = () => {
      throw new DomainError({
        kind: 'NotAllowed',
        reason: 'ClusterForbidden',
        message: 'no deletes',
        fault: 'cluster',
      });
    };
    await harness.start();
    const buildId = await harness.submit();
    const run = await runOf(buildId);
    harness.cluster.startRun(run);
    harness.cluster.endRun(run);
    await eventually('the slot is free', async () => !(await harness.execution(buildId)).slot_held);
    expect((await harness.build(buildId)).status).toBe('running');
    await harness.database.query(`UPDATE build_executions SET outcome_at = now() - interval '1 day'`);
    const { unsealed } = await new PostgresInvariants(harness.database).read();
    expect(unsealed).toEqual({ count: 1, examples: [expect.stringContaining('still has its Secret')] });
    harness.cluster.beforeRemoveCredentials = () => undefined;
    await harness.reaches(buildId, 'completed');
  });

  it('an older build that publishes last does not take the tag from a newer one', async () => {
    const oldPut = new TestSignal();
    const goOn = new TestSignal();
    let first = true;
    harness.publisher.beforePut = () => {
      if (!first) return Promise.resolve();
      first = false;
      oldPut.raise();
      return goOn.raised;
    };
    await harness.start();
    const older = await harness.submit();
    await oldPut.raised;
    const newer = await harness.submit();
    const digest = (await harness.reaches(newer, 'completed')).image_digest;
    goOn.raise();
    await harness.reaches(older, 'completed');
    expect(harness.cluster.images.get(`${REPOSITORY}:latest`)).toBe(digest);
  });

  it('an older build whose put lands after its answer was lost gives the tag back to the newer one', async () => {
    const oldPut = new TestSignal();
    const goOn = new TestSignal();
    const oldImage = (buildId: string) =>
      harness.cluster.images.get(`${REPOSITORY}:${attemptTag({ buildId, attempt: 1 })}`);
    let older = '';
    let first = true;
    harness.publisher.beforePut = async (tag) => {
      if (!first) return;
      first = false;
      oldPut.raise();
      await goOn.raised;
      harness.cluster.images.set(`${REPOSITORY}:${tag}`, oldImage(older)!);
      const message = 'the connection was reset';
      throw new DomainError({ kind: 'Unavailable', reason: 'RegistryUnavailable', message, retryable: true });
    };
    await harness.start({ limits: { ...harness.limits, publishLimitMs: 60_000 } });
    older = await harness.submit();
    await oldPut.raised;
    const newer = await harness.submit();
    const digest = (await harness.reaches(newer, 'completed')).image_digest;
    goOn.raise();
    await harness.reaches(older, 'completed');
    expect(harness.cluster.images.get(`${REPOSITORY}:latest`)).toBe(digest);
  });

  it('a registry that refuses fails the build as PublishFailed, after retries', async () => {
    let tries = 0;
    harness.publisher.failing = () => {
      tries += 1;
      return new DomainError({ kind: 'NotAllowed', reason: 'RegistryUnauthorized', message: 'the registry says no' });
    };
    await harness.start();
    const buildId = await harness.submit();
    expect(await harness.reaches(buildId, 'failed', 30_000)).toMatchObject({ reason: 'PublishFailed' });
    expect(tries).toBe(3);
  });

  it('a registry that comes back in time publishes', async () => {
    let tries = 0;
    harness.publisher.failing = () => {
      tries += 1;
      if (tries > 2) return undefined;
      const message = 'the registry is away';
      return new DomainError({ kind: 'Unavailable', reason: 'RegistryUnavailable', message, retryable: true });
    };
    await harness.start({ limits: { ...harness.limits, publishLimitMs: 60_000 } });
    const buildId = await harness.submit();
    await harness.reaches(buildId, 'completed', 30_000);
  });

  it('a failed step is the build’s own end, with its log', async () => {
    harness.cluster.defaultScript = { ...harness.cluster.defaultScript, exitCode: 3 };
    await harness.start();
    const buildId = await harness.submit();
    expect(await harness.reaches(buildId, 'failed')).toMatchObject({ reason: 'StepFailed', attempt: 1 });
    expect(harness.cluster.images.has(`${REPOSITORY}:latest`)).toBe(false);
  });

  it('a run that came late, after its row was swept, is removed by its own uid', async () => {
    await harness.start();
    const buildId = await harness.submit();
    await harness.reaches(buildId, 'completed');
    const run = await eventually('it is swept', async () => {
      const row = await harness.execution(buildId);
      return row.swept_at === null ? undefined : row;
    });
    const [row] = await harness.database.query<{ shard: number; namespace: string; installation: string }>(
      'SELECT e.shard, e.namespace, i.id AS installation FROM build_executions e, installation i WHERE e.id = $1',
      [run.id],
    );
    harness.cluster.scripts.set(buildId, { pace: 'held' });
    harness.cluster.addRun({
      name: run.pipeline_run_name!,
      namespace: row!.namespace,
      installationId: row!.installation,
      executionId: run.id,
      buildId,
      attempt: 1,
      shard: row!.shard,
      document: '{}',
    });
    await eventually('the late run is removed', () => harness.cluster.runs.size === 0, { deadlineMs: 20_000 });
  });
});
