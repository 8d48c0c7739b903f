import { eventually, TestSignal, type FakeRun } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DispatcherHarness } from './dispatcher-harness.js';

let harness: DispatcherHarness;
beforeEach(async () => {
  harness = await DispatcherHarness.open();
});
afterEach(() => harness.close());

const held = { pace: 'held' } as const;

async function runOf(buildId: string): Promise<FakeRun> {
  return eventually('its run is there', () => harness.cluster.runOfBuild(buildId), { deadlineMs: 20_000 });
}

/** Nothing is ever made twice: the rule of every test here. */
function expectOneRunPerAttempt(): void {
  expect(new Set(harness.cluster.created).size).toBe(harness.cluster.created.length);
}

describe('two dispatchers', () => {
  it('share a queue, and make each run exactly once', async () => {
    const [one, two] = await Promise.all([harness.start(), harness.start()]);
    const builds = await Promise.all(Array.from({ length: 30 }, () => harness.submit()));
    for (const buildId of builds) await harness.reaches(buildId, 'completed', 40_000);
    expect(harness.cluster.created).toHaveLength(30);
    expectOneRunPerAttempt();
    // A machine may be done with thirty builds before the second process has its first shard.
    await eventually('both hold shards, eight in all', () => {
      const [ones, twos] = [one, two].map((dispatcher) => dispatcher.runtime?.followers.leases.length ?? 0);
      return ones! > 0 && twos! > 0 && ones! + twos! === 8;
    });
  });

  it('hand shards over to a newcomer while builds run, and lose nothing of their logs', async () => {
    harness.cluster.defaultScript = { ...harness.cluster.defaultScript, ...held };
    await harness.start();
    const builds = await Promise.all(Array.from({ length: 12 }, () => harness.submit()));
    const runs = await Promise.all(builds.map(runOf));
    for (const run of runs) {
      harness.cluster.startRun(run);
      harness.cluster.print(run, 0, 'before');
    }
    const newcomer = await harness.start();
    await eventually('the newcomer holds shards', () => (newcomer.runtime?.followers.leases.length ?? 0) > 0);
    for (const run of runs) {
      harness.cluster.print(run, 0, 'after');
      harness.cluster.print(run, 1, 'built');
      harness.cluster.endRun(run);
    }
    for (const [index, buildId] of builds.entries()) {
      await harness.reaches(buildId, 'completed');
      const { id } = await harness.execution(buildId);
      const log = await harness.storedLog(id, 'clone', 'clone');
      expect(log).toEqual({ bytes: harness.cluster.printed(runs[index]!, 0), gaps: [] });
    }
    expectOneRunPerAttempt();
  });
});

describe('a cluster that lists slowly', () => {
  it('does not keep a taker-over from creating new runs', async () => {
    harness.cluster.defaultScript = { ...harness.cluster.defaultScript, ...held };
    const dead = await harness.start();
    const builds = await Promise.all(Array.from({ length: 4 }, () => harness.submit()));
    for (const buildId of builds) harness.cluster.startRun(await runOf(buildId));
    for (const buildId of builds) await harness.inState(buildId, 'running');
    const listed = new TestSignal();
    harness.cluster.beforeList = () => listed.raised;
    await dead.abandon();
    const taker = await harness.start({ reconcileConcurrency: 2 });
    await eventually('it has taken over', () => (taker.runtime?.followers.live ?? 0) >= builds.length);
    const newcomer = await runOf(await harness.submit());
    expect(newcomer.phase).toBe('pending');
    listed.raise();
    for (const run of harness.cluster.runs.values()) harness.cluster.endRun(run);
    for (const buildId of builds) await harness.reaches(buildId, 'completed');
    expectOneRunPerAttempt();
  });
});

describe('a dispatcher that is killed', () => {
  it('after the claim: its build goes back to the queue and another makes the one run', async () => {
    const reached = new TestSignal();
    harness.cluster.beforePrepare = () => {
      reached.raise();
      return new TestSignal().raised;
    };
    const dead = await harness.start();
    const buildId = await harness.submit();
    await reached.raised;
    await dead.abandon();
    harness.cluster.beforePrepare = () => Promise.resolve();
    await harness.start();
    await harness.reaches(buildId, 'completed');
    expect((await harness.build(buildId)).attempt).toBe(1);
    expect(harness.cluster.created).toHaveLength(1);
  });

  it('after the create and before its record: another adopts the run that is there', async () => {
    const created = new TestSignal();
    harness.cluster.afterCreate = () => {
      created.raise();
      return new TestSignal().raised;
    };
    const dead = await harness.start();
    const buildId = await harness.submit();
    await created.raised;
    await dead.abandon();
    expect((await harness.execution(buildId)).state).toBe('creating');
    harness.cluster.afterCreate = () => Promise.resolve();
    await harness.start();
    await harness.reaches(buildId, 'completed');
    expect(harness.cluster.created).toHaveLength(1);
    expect(harness.cluster.createRequests.length).toBeGreaterThan(1);
  });

  it('while following: another goes on with the log where it stands, and loses no byte', async () => {
    harness.cluster.scripts.set('any', {});
    harness.cluster.defaultScript = { ...harness.cluster.defaultScript, ...held };
    const dead = await harness.start();
    const buildId = await harness.submit();
    const run = await runOf(buildId);
    harness.cluster.startRun(run);
    for (let line = 0; line < 500; line += 1) harness.cluster.print(run, 0, `line ${line}`);
    const execution = await harness.inState(buildId, 'running');
    await eventually('some of the log is stored', async () => {
      return (await harness.storedLog(execution.id, 'clone', 'clone')).bytes.length > 0;
    });
    for (let line = 500; line < 700; line += 1) harness.cluster.print(run, 0, `line ${line}`);
    await dead.abandon();
    for (let line = 700; line < 1_000; line += 1) harness.cluster.print(run, 0, `line ${line}`);
    await harness.start();
    harness.cluster.print(run, 1, 'built');
    harness.cluster.endRun(run);
    await harness.reaches(buildId, 'completed');
    const log = await harness.storedLog(execution.id, 'clone', 'clone');
    expect(log.gaps).toEqual([]);
    expect(log.bytes.equals(harness.cluster.printed(run, 0))).toBe(true);
    expectOneRunPerAttempt();
  });

  it('after the outcome: another seals, promotes and finishes', async () => {
    harness.publisher.beforePut = () => new TestSignal().raised;
    const dead = await harness.start();
    const buildId = await harness.submit();
    await harness.inState(buildId, 'promoting');
    await dead.abandon();
    harness.publisher.beforePut = () => Promise.resolve();
    await harness.start();
    await harness.reaches(buildId, 'completed');
    expectOneRunPerAttempt();
  });
});

describe('a zombie', () => {
  it('that wakes after its lease writes nothing, neither to the cluster nor to the database', async () => {
    const frozen = new TestSignal();
    const thaw = new TestSignal();
    harness.cluster.beforeCreate = () => {
      frozen.raise();
      return thaw.raised;
    };
    const zombie = await harness.start();
    const buildId = await harness.submit();
    await frozen.raised;
    await zombie.runtime?.loops.heartbeat.stop();
    harness.cluster.beforeCreate = () => Promise.resolve();
    await harness.start();
    await harness.reaches(buildId, 'completed');
    const writes = harness.cluster.createRequests.length;
    const timeline = await harness.timeline(buildId);
    expect(zombie.runtime?.lease.mayWrite()).toBe(false);
    thaw.raise();
    // What it was about is over when its followers have closed.
    await zombie.runtime?.followers.closeAll();
    expect(harness.cluster.createRequests).toHaveLength(writes);
    expect(await harness.timeline(buildId)).toEqual(timeline);
    expectOneRunPerAttempt();
  });

  it('that comes back under a new id drops what it had and works on', async () => {
    const dispatcher = await harness.start();
    const before = dispatcher.runtime?.lease.dispatcherId;
    await harness.database.query(`UPDATE dispatchers SET lease_until = now() - interval '1 second'`);
    await eventually('it has a new id', () => {
      const id = dispatcher.runtime?.lease.dispatcherId;
      return id !== undefined && id !== before;
    });
    const buildId = await harness.submit();
    await harness.reaches(buildId, 'completed');
  });
});

describe('a graceful stop', () => {
  it('finishes the create in progress, frees the shards at once, and another goes on', async () => {
    const creating = new TestSignal();
    const goOn = new TestSignal();
    harness.cluster.beforeCreate = () => {
      creating.raise();
      return goOn.raised;
    };
    harness.cluster.defaultScript = { ...harness.cluster.defaultScript, ...held };
    const first = await harness.start();
    const buildId = await harness.submit();
    await creating.raised;
    const stopped = first.stop();
    goOn.raise();
    const began = performance.now();
    await stopped;
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(harness.cluster.created).toHaveLength(1);
    const owners = await harness.database.query('SELECT 1 FROM cluster_shards WHERE owner IS NOT NULL');
    expect(owners).toEqual([]);
    harness.cluster.beforeCreate = () => Promise.resolve();
    await harness.start();
    const run = await runOf(buildId);
    harness.cluster.startRun(run);
    harness.cluster.endRun(run);
    await harness.reaches(buildId, 'completed');
    expectOneRunPerAttempt();
  });

  it('keeps the shards under which a create still hangs until its lease has run out, and frees all others', async () => {
    const other = await harness.addProvider('cluster-2');
    const creating = new TestSignal();
    const goOn = new TestSignal();
    harness.cluster.beforeCreate = () => {
      creating.raise();
      return goOn.raised;
    };
    const first = await harness.start();
    const buildId = await harness.submit({ requestedProviderId: harness.providerId });
    await creating.raised;
    const stopped = first.stop();
    await eventually('the other cluster’s shards are free', async () => (await owned(other.id)) === 0 || undefined);
    expect(await owned(harness.providerId)).toBeGreaterThan(0);
    await stopped;
    expect(first.runtime?.lease.mayWrite()).toBe(false);
    const [held] = await harness.database.query<{ lease_until: Date; alive: boolean }>(
      'SELECT lease_until, lease_until > clock_timestamp() AS alive FROM dispatchers',
    );
    expect(held?.alive).toBe(true);
    harness.cluster.beforeCreate = () => Promise.resolve();
    await harness.start();
    await harness.reaches(buildId, 'completed');
    const [adopted] = await harness.database.query<{ at: Date }>(
      'SELECT min(acquired_at) AS at FROM cluster_shards WHERE provider_id = $1',
      [harness.providerId],
    );
    expect(adopted?.at.getTime()).toBeGreaterThanOrEqual(held?.lease_until.getTime() ?? Infinity);
    goOn.raise();
    expectOneRunPerAttempt();
  }, 40_000);
});

async function owned(providerId: string): Promise<number> {
  const rows = await harness.database.query(
    'SELECT 1 FROM cluster_shards WHERE provider_id = $1 AND owner IS NOT NULL',
    [providerId],
  );
  return rows.length;
}

describe('a single run', () => {
  it('claims what there is, follows it to the end and says 0', async () => {
    const builds = await Promise.all(Array.from({ length: 3 }, () => harness.submit()));
    const dispatcher = await harness.create();
    expect(await dispatcher.runOnce()).toBe(0);
    for (const buildId of builds) expect((await harness.build(buildId)).status).toBe('completed');
    await dispatcher.stop();
  });

  it('says 1 when a build fails', async () => {
    harness.cluster.defaultScript = { ...harness.cluster.defaultScript, exitCode: 3 };
    const buildId = await harness.submit();
    const dispatcher = await harness.create();
    expect(await dispatcher.runOnce()).toBe(1);
    expect(await harness.build(buildId)).toMatchObject({ status: 'failed', reason: 'StepFailed' });
    await dispatcher.stop();
  });

  it('says 0 when there is nothing to do', async () => {
    const dispatcher = await harness.create();
    expect(await dispatcher.runOnce()).toBe(0);
    await dispatcher.stop();
  });
});
