import { withClassAttempts, type Fault, type Reason } from '@image-factory/domain';
import { PostgresRegistryHolds } from '@image-factory/persistence';
import { eventually, type FakeRun } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DispatcherHarness, type SeededProvider } from './dispatcher-harness.js';
import { QUICK_RETRIES } from './dispatcher-quick-retries.js';

let harness: DispatcherHarness;
beforeEach(async () => {
  harness = await DispatcherHarness.open();
});
afterEach(() => harness.close());

interface Failure {
  readonly reason: Reason;
  readonly fault: Fault;
}

/** For a machine that does other things too. */
const WAIT = { deadlineMs: 20_000 };

interface AttemptRow {
  id: string;
  state: string;
  reason: string | null;
  provider_id: string | null;
  failure_class: string | null;
  retry_decision: string | null;
  retry_reason: string | null;
  next_attempt_at: Date | null;
  finished_at: Date | null;
  waiting_message: string | null;
}

function attemptsOf(buildId: string): Promise<AttemptRow[]> {
  return harness.database.query<AttemptRow>(
    `SELECT * FROM build_executions WHERE build_id = $1 AND state <> 'released' ORDER BY attempt`,
    [buildId],
  );
}

/** The build's first `attempts` attempts end so, wherever they run. */
function failAttempts(attempts: number, failure: Failure): void {
  for (const cluster of harness.clusters.values()) {
    cluster.scriptRun = (run) => (run.attempt <= attempts ? { exitCode: 1, failure } : undefined);
  }
}

function providersOf(buildId: string): Promise<(string | null)[]> {
  return attemptsOf(buildId).then((rows) => rows.map((row) => row.provider_id));
}

describe('an attempt that ended', () => {
  it.each([
    ['StepFailed', 'user'],
    ['RegistryUnauthorized', 'user'],
    ['CloneFailed', 'user'],
    ['GitRevisionNotFound', 'user'],
    ['RunTimeout', 'user'],
    ['AdmissionDenied', 'user'],
  ] as const)('with %s, the %s’s, is never repeated', async (reason, fault) => {
    failAttempts(99, { reason, fault });
    await harness.start();
    const buildId = await harness.submit();
    expect(await harness.reaches(buildId, 'failed')).toMatchObject({ reason, attempt: 1 });
    expect(await attemptsOf(buildId)).toMatchObject([
      { failure_class: 'user', retry_decision: 'stop', retry_reason: 'UserError', next_attempt_at: null },
    ]);
    expect(harness.cluster.created).toHaveLength(1);
  });

  it.each([
    ['PodEvicted', 'cluster', 'disruption'],
    ['NodeUnreachable', 'cluster', 'disruption'],
    ['ForeignCancel', 'cluster', 'disruption'],
    ['StartTimeout', 'cluster', 'cluster'],
    ['ImagePullFailed', 'cluster', 'cluster'],
    ['RegistryUnavailable', 'cluster', 'registry'],
    ['GitUnavailable', 'cluster', 'registry'],
    ['SecretMissing', 'platform', 'platform'],
    ['UnknownFailure', 'platform', 'unknown'],
    ['PushFailed', 'cluster', 'unknown'],
  ] as const)('with %s is repeated as a %s’s trouble of class %s, and says so', async (reason, fault, failureClass) => {
    failAttempts(1, { reason, fault });
    await harness.start();
    const buildId = await harness.submit();
    expect(await harness.reaches(buildId, 'completed')).toMatchObject({ attempt: 2 });
    const [first, second] = await attemptsOf(buildId);
    expect(first).toMatchObject({ state: 'failed', reason, failure_class: failureClass, retry_decision: 'retry' });
    expect(first).toMatchObject({ retry_reason: 'CauseMayPass' });
    expect(first!.next_attempt_at!.getTime()).toBeGreaterThanOrEqual(first!.finished_at!.getTime());
    expect(second).toMatchObject({ state: 'succeeded', retry_decision: null });
    const kept = (await harness.storedLog(first!.id, 'build', 'build')).bytes.toString();
    expect(kept).toBe('STEP 1\nSTEP 2\npushed\n');
  });

  it('is repeated up to the number of its class, and then the build says what ended it', async () => {
    failAttempts(99, { reason: 'PodEvicted', fault: 'cluster' });
    await harness.start();
    const buildId = await harness.submit();
    const { attempts } = QUICK_RETRIES.policies.disruption;
    const build = await harness.reaches(buildId, 'failed', 30_000);
    expect(build).toMatchObject({ reason: 'AttemptsExhausted', attempt: attempts });
    expect(build.message).toContain('PodEvicted');
    const rows = await attemptsOf(buildId);
    expect(rows.map((row) => row.retry_decision)).toEqual([...Array<string>(attempts - 1).fill('retry'), 'stop']);
    expect(rows.at(-1)).toMatchObject({ retry_reason: 'ClassAttemptsUsed' });
  });

  it('is repeated up to the number of all attempts, whatever their classes', async () => {
    const reasons: Failure[] = [
      { reason: 'PodEvicted', fault: 'cluster' },
      { reason: 'ImagePullFailed', fault: 'cluster' },
    ];
    harness.cluster.scriptRun = (run) => ({ exitCode: 1, failure: reasons[run.attempt % 2] });
    await harness.start({ retry: { ...QUICK_RETRIES, maxAttempts: 4 } });
    const buildId = await harness.submit();
    expect(await harness.reaches(buildId, 'failed', 30_000)).toMatchObject({ reason: 'AttemptsExhausted', attempt: 4 });
    expect((await attemptsOf(buildId)).at(-1)).toMatchObject({ retry_reason: 'AttemptsUsed' });
  });

  it('is not repeated past the total time', async () => {
    harness.cluster.scriptRun = () => ({
      pace: 'held',
      exitCode: 1,
      failure: { reason: 'PodEvicted', fault: 'cluster' },
    });
    await harness.start();
    const buildId = await harness.submit();
    const run = await eventually('its run is there', () => harness.cluster.runOfBuild(buildId), WAIT);
    harness.cluster.startRun(run);
    await harness.inState(buildId, 'running');
    await harness.database.query(`UPDATE build_executions SET claimed_at = claimed_at - interval '7 hours'`);
    harness.cluster.endRun(run);
    expect(await harness.reaches(buildId, 'failed')).toMatchObject({ reason: 'PodEvicted', attempt: 1 });
    expect(await attemptsOf(buildId)).toMatchObject([{ retry_decision: 'stop', retry_reason: 'TimeUsed' }]);
  });

  it('is not repeated when its turn comes only past the total time', async () => {
    harness.cluster.scriptRun = () => ({
      pace: 'held',
      exitCode: 1,
      failure: { reason: 'PodEvicted', fault: 'cluster' },
    });
    await harness.start();
    const buildId = await harness.submit();
    const run = await eventually('its run is there', () => harness.cluster.runOfBuild(buildId), WAIT);
    harness.cluster.startRun(run);
    await harness.inState(buildId, 'running');
    await harness.database.query('UPDATE installation SET dispatch_paused = true');
    harness.cluster.endRun(run);
    await harness.reaches(buildId, 'queued');
    expect(await attemptsOf(buildId)).toMatchObject([{ retry_decision: 'retry' }]);
    await harness.database.query(`UPDATE build_executions SET claimed_at = claimed_at - interval '7 hours'`);
    await harness.database.query('UPDATE installation SET dispatch_paused = false');
    expect(await harness.reaches(buildId, 'failed')).toMatchObject({ reason: 'RetryTimeExhausted' });
    expect(harness.cluster.created).toHaveLength(1);
  });
});

describe('the next placement', () => {
  let other: SeededProvider;
  beforeEach(async () => {
    other = await harness.addProvider('cluster-2');
    await harness.database.query('UPDATE providers SET is_default = true WHERE id = $1', [harness.providerId]);
  });

  it.each([['PodEvicted'], ['AdmissionTimeout']] as const)(
    'after %s goes to another provider, and the decision says why',
    async (reason) => {
      failAttempts(1, { reason, fault: 'cluster' });
      await harness.start();
      const buildId = await harness.submit();
      await harness.reaches(buildId, 'completed');
      expect(await providersOf(buildId)).toEqual([harness.providerId, other.id]);
      const [decision] = await harness.database.query<{ rejected: unknown }>(
        `SELECT decision -> 'rejected' AS rejected FROM placement_decisions WHERE build_id = $1 AND attempt = 2`,
        [buildId],
      );
      expect(decision?.rejected).toEqual([
        {
          providerId: harness.providerId,
          name: 'cluster-1',
          reason: 'ProviderAvoided',
          message: `attempt 1 ended there with ${reason}, and another provider may take it`,
        },
      ]);
    },
  );

  it('stays where it was after a registry’s trouble', async () => {
    failAttempts(1, { reason: 'RegistryUnavailable', fault: 'cluster' });
    await harness.start();
    const buildId = await harness.submit();
    await harness.reaches(buildId, 'completed');
    expect(await providersOf(buildId)).toEqual([harness.providerId, harness.providerId]);
  });

  it('goes back to the one provider that is left', async () => {
    await harness.database.query(`UPDATE providers SET state = 'cordoned' WHERE id = $1`, [other.id]);
    failAttempts(1, { reason: 'PodEvicted', fault: 'cluster' });
    await harness.start();
    const buildId = await harness.submit();
    await harness.reaches(buildId, 'completed');
    expect(await providersOf(buildId)).toEqual([harness.providerId, harness.providerId]);
  });

  it('after creates that were put off past the placement budget goes elsewhere', async () => {
    harness.cluster.failCreates(...Array.from({ length: 500 }, () => 'retry-later' as const));
    await harness.start({ limits: { ...harness.limits, placementBudgetMs: 400 } });
    const buildId = await harness.submit();
    expect(await harness.reaches(buildId, 'completed', 30_000)).toMatchObject({ attempt: 2 });
    expect(await attemptsOf(buildId)).toMatchObject([
      { state: 'moved', reason: 'AdmissionTimeout', failure_class: 'cluster', provider_id: harness.providerId },
      { state: 'succeeded', provider_id: other.id },
    ]);
  });
});

describe('a registry that fails many builds at once', () => {
  const hold = { builds: 3, windowMs: 60_000, holdMs: { baseMs: 60_000, capMs: 120_000 } };

  it('is held for a bounded time; builds for it wait with the reason, others go on', async () => {
    failAttempts(99, { reason: 'RegistryUnavailable', fault: 'cluster' });
    const retry = withClassAttempts({ ...QUICK_RETRIES, maxAttempts: 90 }, { registry: 90 });
    await harness.start({ registryHold: hold, retry });
    const builds = await Promise.all([harness.submit(), harness.submit(), harness.submit()]);
    const holds = new PostgresRegistryHolds(harness.database);
    const held = await eventually('the registry is held', async () => (await holds.list())[0], WAIT);
    expect(held).toMatchObject({ registry: 'registry.example' });
    const late = await harness.submit({ notBefore: new Date(Date.now() + 1_500) });
    const parked = await eventually(
      'a new build waits',
      async () => {
        const row = await harness.build(late);
        return row.parked === 'RegistryHeld' ? row : undefined;
      },
      WAIT,
    );
    for (const buildId of builds) {
      await eventually(
        'what had met it waits too',
        async () => (await harness.build(buildId)).parked === 'RegistryHeld',
        WAIT,
      );
    }
    expect(parked.parked_message).toContain('builds met 5xx, 429 or no answer from registry.example');
    const elsewhere = await harness.submit({ imageRepository: 'other.example/team/app' });
    failAttempts(0, { reason: 'RegistryUnavailable', fault: 'cluster' });
    await harness.reaches(elsewhere, 'completed');
    expect(await harness.build(late)).toMatchObject({ status: 'queued', attempt: 0 });
    await harness.database.query(`UPDATE registry_holds SET held_until = now() - interval '1 second'`);
    // A dispatcher may know of the hold for a moment longer: its builds are woken until it does not.
    await eventually(
      'all go on',
      async () => {
        await harness.database.query(`UPDATE builds SET parked_wake_at = now() WHERE parked IS NOT NULL`);
        const rows = await Promise.all([...builds, late].map((buildId) => harness.build(buildId)));
        return rows.every((row) => row.status === 'completed');
      },
      { deadlineMs: 30_000 },
    );
  });

  it.each(['BaseImageUnavailable', 'GitUnavailable'] as const)(
    'is not held for %s, of a host that builds name',
    async (reason) => {
      failAttempts(99, { reason, fault: 'cluster' });
      await harness.start({ registryHold: hold });
      const builds = await Promise.all(Array.from({ length: 4 }, () => harness.submit()));
      for (const buildId of builds) {
        expect(await harness.reaches(buildId, 'failed', 30_000)).toMatchObject({ reason: 'AttemptsExhausted' });
        expect((await attemptsOf(buildId))[0]).toMatchObject({ failure_class: 'registry', retry_decision: 'retry' });
      }
      expect(await harness.database.query('SELECT registry FROM registry_troubles')).toEqual([]);
      expect(await new PostgresRegistryHolds(harness.database).list()).toEqual([]);
    },
  );

  it('is held for the one tenant that meets its trouble, and for all when another one does too', async () => {
    const holds = new PostgresRegistryHolds(harness.database);
    const other = await harness.addTenant('globex');
    const submit = (tenant: typeof other | undefined, imageRepository = 'r.example/app') =>
      Promise.all(Array.from({ length: 3 }, () => harness.submit({ ...tenant, imageRepository })));
    const meet = async (builds: readonly string[]): Promise<(Date | undefined)[]> => {
      const until = [];
      for (const buildId of builds) until.push(await holds.noteTrouble('r.example', buildId, hold));
      return until;
    };
    const [mine, theirs] = [await submit(undefined), await submit(other)];
    expect(await meet(mine)).toEqual([undefined, undefined, expect.any(Date)]);
    expect(await holds.list()).toMatchObject([{ registry: 'r.example', tenantId: harness.tenantId }]);
    await harness.start();
    for (const buildId of theirs) await harness.reaches(buildId, 'completed');
    for (const buildId of mine) {
      await eventually('it waits', async () => (await harness.build(buildId)).parked === 'RegistryHeld', WAIT);
    }
    // Those of one tenant that is held already are not counted again; three of the other's are.
    expect(await meet(mine)).toEqual(Array<unknown>(3).fill(expect.any(Date)));
    expect(await meet(await submit(other, 'elsewhere.example/app'))).toEqual([undefined, undefined, expect.any(Date)]);
    expect(await holds.list()).toMatchObject([{ registry: 'r.example', tenantId: undefined }]);
  });

  it('is not held for one build that meets its trouble again and again', async () => {
    const holds = new PostgresRegistryHolds(harness.database);
    const buildId = await harness.submit();
    for (let n = 0; n < 10; n += 1) expect(await holds.noteTrouble('r.example', buildId, hold)).toBeUndefined();
  });

  it('is held longer when the trouble goes on, by one row for all dispatchers', async () => {
    const holds = new PostgresRegistryHolds(harness.database);
    const trouble = async (): Promise<number> => {
      const ids = await Promise.all(Array.from({ length: 8 }, () => harness.submit()));
      const until = await Promise.all(ids.map((id) => holds.noteTrouble('r.example', id, hold)));
      const times = new Set(until.flatMap((time) => (time === undefined ? [] : [time.getTime()])));
      expect(times.size).toBe(1);
      const [row] = await harness.database.query<{ ms: number }>(
        `SELECT (extract(epoch FROM held_until - held_at) * 1000)::int AS ms FROM registry_holds`,
      );
      await harness.database.query(`UPDATE registry_holds SET held_until = now()`);
      return row!.ms;
    };
    expect([await trouble(), await trouble(), await trouble()]).toEqual([60_000, 120_000, 120_000]);
  });
});

describe('waiting', () => {
  it('of a later task eats no run time, whatever it takes', async () => {
    harness.cluster.defaultScript = { ...harness.cluster.defaultScript, pace: 'held' };
    const first = await harness.start();
    const buildId = await harness.submit({ buildTimeoutMinutes: 1, startLimitMinutes: 15 });
    const run: FakeRun = await eventually('its run is there', () => harness.cluster.runOfBuild(buildId), WAIT);
    harness.cluster.startRun(run);
    await harness.inState(buildId, 'running');
    await harness.database.query(`UPDATE build_executions SET created_at = now() - interval '20 minutes'`);
    Object.assign(run, { runSeconds: 20, waitingSince: new Date(Date.now() - 10 * 60_000) });
    run.firstStepStartedAt = new Date(Date.now() - 12 * 60_000);
    await harness.waitsTwice(buildId, run);
    expect(harness.cluster.stops).toEqual([]);
    // Who has seen it run knows that it does not wait for so long.
    await first.abandon();
    Object.assign(run, { waitingSince: new Date(Date.now() - 16 * 60_000) });
    await harness.start();
    await eventually('its start limit is over', () => harness.cluster.stops[0]?.intent === 'StartLimit', WAIT);
  });
});
