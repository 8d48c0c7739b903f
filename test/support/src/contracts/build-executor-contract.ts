import { createHash, randomUUID } from 'node:crypto';
import {
  pipelineRunName,
  type Attempt,
  type AttemptCredentials,
  type AttemptEnd,
  type AttemptObservation,
  type BuildExecutor,
  type ExecutionFollower,
  type PresentAttempt,
  type RenderContext,
  type StopIntent,
} from '@image-factory/domain';
import { RecordingLogSink } from '../recording-log-sink.js';
import { eventually } from '../test-signal.js';

/** What a contract attempt does once it runs: prints these lines in its build step, then ends so. */
export interface ContractScript {
  readonly lines: readonly string[];
  /** `hangs`: runs on until it is stopped. */
  readonly ending: 'succeeds' | 'fails' | 'hangs';
}

/** One implementation under the contract. Made anew for each test, closed after it. */
export interface BuildExecutorHarness {
  readonly executor: BuildExecutor;
  readonly providerId: string;
  readonly tenantId: string;
  readonly installationId: string;
  readonly credentials: AttemptCredentials;
  /** Key of the step in which a script's lines are printed. Default `build/build`. */
  readonly buildStep?: string;
  /**
   * A context whose attempt will do what the script says: the harness prepares its world (a repository, a controller's
   * script) and fills in what is its own. The given ids must be kept.
   */
  contextFor(script: ContractScript, ids: ContractIds): Promise<RenderContext>;
  /** Another executor over the same world, as a process that was started after this one died. */
  restarted(): Promise<BuildExecutor>;
  close(): Promise<void>;
}

export type ContractIds = Pick<
  RenderContext,
  'installationId' | 'tenantId' | 'projectId' | 'buildId' | 'executionId' | 'attempt' | 'shard'
>;

/** The parts of vitest that the suite needs, given by the test file so that this package does not load it. */
export type TestApi = Pick<typeof import('vitest'), 'describe' | 'it' | 'expect' | 'beforeEach' | 'afterEach'>;

const SHARD = 3;
const yes = (): boolean => true;

/**
 * What every BuildExecutor promises, whoever runs the builds. A test file calls it once per implementation:
 * `buildExecutorContract({ describe, it, expect, beforeEach, afterEach }, 'TektonBuildExecutor', makeHarness)`.
 */
export function buildExecutorContract(
  api: TestApi,
  name: string,
  makeHarness: () => Promise<BuildExecutorHarness>,
): void {
  api.describe(`${name} as a BuildExecutor`, () => {
    const world = new ContractWorld(makeHarness);
    api.beforeEach(() => world.open());
    api.afterEach(() => world.close());
    describePlaceAndDocument(api, world);
    describeCreate(api, world);
    describeOutcome(api, world);
    describeStop(api, world);
    describeLogs(api, world);
    describeCleaning(api, world);
    describeShards(api, world);
  });
}

/** One test's harness, its follower and the attempts that it makes. */
class ContractWorld {
  readonly changed = new Set<string>();
  harness!: BuildExecutorHarness;
  follower!: ExecutionFollower;
  readonly #followers: ExecutionFollower[] = [];

  constructor(private readonly makeHarness: () => Promise<BuildExecutorHarness>) {}

  async open(): Promise<void> {
    this.changed.clear();
    this.harness = await this.makeHarness();
    this.follower = await this.openFollower(this.harness.executor, [SHARD]);
  }

  async close(): Promise<void> {
    await Promise.all(this.#followers.splice(0).map((follower) => follower.close()));
    await this.harness.close();
  }

  async openFollower(executor: BuildExecutor, shards: readonly number[]): Promise<ExecutionFollower> {
    const { providerId, installationId } = this.harness;
    const onChange = (executionId: string): void => void this.changed.add(executionId);
    const options = { providerId, installationId, shards, watchStaleMs: 120_000, mayWrite: yes, onChange };
    const follower = executor.openFollower(options);
    this.#followers.push(follower);
    await follower.ready(AbortSignal.timeout(20_000));
    return follower;
  }

  /** An attempt that is placed and rendered, and not created. */
  async attempt(script: ContractScript, overrides: Partial<ContractIds> = {}): Promise<Attempt> {
    const { executor, providerId, tenantId, installationId } = this.harness;
    const ids: ContractIds = {
      installationId,
      tenantId,
      projectId: randomUUID(),
      buildId: randomUUID(),
      executionId: randomUUID(),
      attempt: 1,
      shard: SHARD,
      ...overrides,
    };
    const context = await this.harness.contextFor(script, ids);
    const place = await executor.prepare({ providerId, tenantId }, AbortSignal.timeout(20_000), yes);
    const rendered = executor.render(context, place);
    const { document, hash, name } = rendered;
    const { projectId: _projectId, ...identity } = ids;
    return {
      ...identity,
      providerId,
      buildMethod: context.buildMethod,
      place,
      name,
      document,
      documentHash: hash,
      uid: undefined,
      stopIntent: undefined,
    };
  }

  /** The same, created. */
  async created(script: ContractScript): Promise<Attempt> {
    const attempt = await this.attempt(script);
    const outcome = await this.follower.create(attempt, this.harness.credentials, yes);
    if (outcome.kind !== 'created') throw new Error(`not created: ${JSON.stringify(outcome)}`);
    return { ...attempt, uid: outcome.uid };
  }

  async until<T>(
    what: string,
    attempt: Attempt,
    pick: (seen: AttemptObservation) => T | undefined,
    follower = this.follower,
  ): Promise<T> {
    return eventually(what, async () => pick(await follower.observe(attempt)), { deadlineMs: 30_000, intervalMs: 50 });
  }

  phase(attempt: Attempt, phase: PresentAttempt['phase'], follower = this.follower): Promise<PresentAttempt> {
    return this.until(
      `phase ${phase}`,
      attempt,
      (seen) => (seen.kind === 'present' && seen.phase === phase ? seen : undefined),
      follower,
    );
  }

  async end(attempt: Attempt, follower = this.follower): Promise<AttemptEnd> {
    const { end } = await this.phase(attempt, 'ended', follower);
    if (end === undefined) throw new Error('an ended attempt has no end');
    return end;
  }
}

function describePlaceAndDocument({ it, expect }: TestApi, world: ContractWorld): void {
  it('gives the same place each time', async () => {
    const { executor, providerId, tenantId } = world.harness;
    const first = await executor.prepare({ providerId, tenantId }, AbortSignal.timeout(20_000), yes);
    expect(await executor.prepare({ providerId, tenantId }, AbortSignal.timeout(20_000), yes)).toEqual(first);
  });

  it('renders a document that is a pure function of its context, under a name that is one of the attempt', async () => {
    const attempt = await world.attempt({ lines: [], ending: 'succeeds' });
    expect(attempt.name).toBe(pipelineRunName(attempt));
    expect(attempt.documentHash).toBe(createHash('sha256').update(attempt.document).digest('hex'));
  });
}

function describeCreate({ it, expect }: TestApi, world: ContractWorld): void {
  it('says that an attempt is absent before it is created', async () => {
    const attempt = await world.attempt({ lines: [], ending: 'succeeds' });
    expect(await world.follower.observe(attempt)).toEqual({ kind: 'absent' });
  });

  it('creates an attempt once, and adopts it when it is asked again', async () => {
    const attempt = await world.created({ lines: [], ending: 'hangs' });
    const again = await world.follower.create(attempt, world.harness.credentials, yes);
    expect(again).toEqual({ kind: 'adopted', uid: attempt.uid });
  });

  it('writes nothing when it may not', async () => {
    const attempt = await world.attempt({ lines: [], ending: 'succeeds' });
    expect(await world.follower.create(attempt, world.harness.credentials, () => false)).toEqual({
      kind: 'notAllowed',
    });
    expect(await world.follower.observe(attempt)).toEqual({ kind: 'absent' });
  });
}

function describeOutcome({ it, expect }: TestApi, world: ContractWorld): void {
  it('reports the first step, the end and that nothing runs any more', async () => {
    const attempt = await world.created({ lines: ['one'], ending: 'succeeds' });
    const ended = await world.phase(attempt, 'ended');
    expect(ended.end).toMatchObject({ outcome: 'succeeded', reason: 'Succeeded' });
    expect(ended.firstStepStartedAt).toBeInstanceOf(Date);
    expect(ended.endedAt).toBeInstanceOf(Date);
    expect(ended.runSeconds).toBeGreaterThanOrEqual(0);
    expect(ended.uid).toBe(attempt.uid);
    expect(() => JSON.parse(ended.end?.finalDocument ?? '') as unknown).not.toThrow();
    await world.until('pods over', attempt, (seen) => (seen.kind === 'present' && seen.podsOver ? true : undefined));
    expect(world.changed).toContain(attempt.executionId);
  });

  it('reports a failed step as the fault of the user, with its last lines', async () => {
    const attempt = await world.created({ lines: ['about to break', 'cannot find the thing'], ending: 'fails' });
    const end = await world.end(attempt);
    expect(end).toMatchObject({ outcome: 'failed', fault: 'user', imageDigest: undefined });
    expect(['StepFailed', 'ProcessFailed']).toContain(end.reason);
    expect(end.message).toContain('cannot find the thing');
  });

  it('keeps its verdict when it is asked again', async () => {
    const attempt = await world.created({ lines: ['one'], ending: 'fails' });
    const first = await world.end(attempt);
    expect(await world.end(attempt)).toEqual(first);
  });
}

const STOPS: readonly (readonly [StopIntent, AttemptEnd['outcome'], string])[] = [
  ['UserCancel', 'cancelled', 'Cancelled'],
  ['Superseded', 'cancelled', 'Superseded'],
  ['RunLimit', 'failed', 'RunTimeout'],
  ['Drain', 'moved', 'Drain'],
];

function describeStop({ it, expect }: TestApi, world: ContractWorld): void {
  it.each(STOPS)('ends a running attempt that is stopped for %s as %s', async (stopIntent, outcome, reason) => {
    const running = await world.created({ lines: ['working'], ending: 'hangs' });
    await world.phase(running, 'running');
    const attempt = { ...running, stopIntent };
    await world.follower.stop(attempt, stopIntent, yes);
    await world.follower.stop(attempt, stopIntent, yes);
    expect(await world.end(attempt)).toMatchObject({ outcome, reason });
    await world.until('pods over', attempt, (seen) => (seen.kind === 'present' && seen.podsOver ? true : undefined));
  });

  it('leaves an attempt that has ended as it is', async () => {
    const attempt = await world.created({ lines: ['one'], ending: 'succeeds' });
    await world.end(attempt);
    const late = { ...attempt, stopIntent: 'UserCancel' as const };
    await world.follower.stop(late, 'UserCancel', yes);
    expect(await world.end(late)).toMatchObject({ outcome: 'succeeded' });
  });

  it('asks nothing of the place when it may not write', async () => {
    const attempt = await world.created({ lines: ['working'], ending: 'hangs' });
    await world.phase(attempt, 'running');
    await world.follower.stop({ ...attempt, stopIntent: 'UserCancel' }, 'UserCancel', () => false);
    expect(await world.follower.observe(attempt)).toMatchObject({ kind: 'present', phase: 'running' });
    await world.follower.stop({ ...attempt, stopIntent: 'UserCancel' }, 'UserCancel', yes);
    await world.phase({ ...attempt, stopIntent: 'UserCancel' }, 'ended');
  });
}

function describeLogs({ it, expect }: TestApi, world: ContractWorld): void {
  const lines = ['first line', '', '  indented', 'ünïcode ✓', 'last line'];

  it('puts every line of a step into the sink in order, and seals it', async () => {
    const attempt = await world.created({ lines, ending: 'succeeds' });
    const sink = new RecordingLogSink();
    await world.follower.followLogs(attempt, sink, AbortSignal.timeout(30_000));
    const step = world.harness.buildStep ?? 'build/build';
    const printed = sink.text(step).split('\n');
    expect(printed.slice(printed.indexOf('first line'))).toEqual(expect.arrayContaining(lines));
    expect(printed.filter((line) => line === 'first line')).toHaveLength(1);
    for (const key of sink.steps()) expect(sink.isEnded(key), key).toBe(true);
  });

  it('follows a step while it runs', async () => {
    const attempt = await world.created({ lines, ending: 'hangs' });
    const sink = new RecordingLogSink();
    const stop = new AbortController();
    const following = world.follower.followLogs(attempt, sink, stop.signal).catch(() => undefined);
    await eventually('last line', () => sink.text(world.harness.buildStep ?? 'build/build').includes('last line'), {
      deadlineMs: 30_000,
    });
    expect(sink.isEnded(world.harness.buildStep ?? 'build/build')).toBe(false);
    stop.abort(new Error('enough'));
    await following;
  });

  it('goes on after a restart where the stored log ends, without a line twice', async () => {
    const running = await world.created({ lines, ending: 'hangs' });
    const sink = new RecordingLogSink();
    const step = world.harness.buildStep ?? 'build/build';
    const died = new AbortController();
    const first = world.follower.followLogs(running, sink, died.signal).catch(() => undefined);
    await eventually('last line', () => sink.text(step).includes('last line'), { deadlineMs: 30_000 });
    died.abort(new Error('died'));
    await first;
    const follower = await world.openFollower(await world.harness.restarted(), [SHARD]);
    const attempt = { ...running, stopIntent: 'UserCancel' as const };
    const second = follower.followLogs(attempt, sink, AbortSignal.timeout(30_000));
    await follower.stop(attempt, 'UserCancel', yes);
    await second;
    expect(
      sink
        .text(step)
        .split('\n')
        .filter((line) => lines.includes(line) && line !== ''),
    ).toEqual(lines.filter((line) => line !== ''));
    expect(sink.isEnded(step)).toBe(true);
  });
}

function describeCleaning({ it, expect }: TestApi, world: ContractWorld): void {
  it('finds an attempt after a restart, and stops it', async () => {
    const running = await world.created({ lines: ['working'], ending: 'hangs' });
    await world.phase(running, 'running');
    const follower = await world.openFollower(await world.harness.restarted(), [SHARD]);
    expect(await follower.create(running, world.harness.credentials, yes)).toEqual({
      kind: 'adopted',
      uid: running.uid,
    });
    const attempt = { ...running, stopIntent: 'UserCancel' as const };
    await follower.stop(attempt, 'UserCancel', yes);
    expect(await world.end(attempt, follower)).toMatchObject({ outcome: 'cancelled' });
  });

  it('removes credentials and run, twice if asked, and then the attempt is absent', async () => {
    const attempt = await world.created({ lines: ['one'], ending: 'succeeds' });
    await world.end(attempt);
    for (let time = 0; time < 2; time += 1) {
      await world.follower.removeCredentials(attempt, yes);
      await world.follower.remove(attempt, yes);
    }
    const follower = await world.openFollower(await world.harness.restarted(), [SHARD]);
    await world.until('absent', attempt, (seen) => (seen.kind === 'absent' ? true : undefined), follower);
    expect((await follower.listRuns()).map(({ name }) => name)).not.toContain(attempt.name);
  });

  it('removes its run under another uid than it knows: a create that came late has made it again', async () => {
    const attempt = await world.created({ lines: ['one'], ending: 'succeeds' });
    await world.end(attempt);
    await world.follower.removeCredentials(attempt, yes);
    await world.follower.remove({ ...attempt, uid: randomUUID() }, yes);
    const follower = await world.openFollower(await world.harness.restarted(), [SHARD]);
    await world.until('absent', attempt, (seen) => (seen.kind === 'absent' ? true : undefined), follower);
  });

  it('never removes a run of its name that is another attempt’s', async () => {
    const attempt = await world.created({ lines: ['working'], ending: 'hangs' });
    await world.phase(attempt, 'running');
    for (const uid of [randomUUID(), undefined]) {
      await world.follower.remove({ ...attempt, buildId: randomUUID(), uid }, yes);
    }
    expect(await world.follower.observe(attempt)).toMatchObject({ kind: 'present', uid: attempt.uid });
    await world.follower.stop({ ...attempt, stopIntent: 'UserCancel' }, 'UserCancel', yes);
  });
}

function describeShards({ it, expect }: TestApi, world: ContractWorld): void {
  it('lists the runs of the shards that it holds, with whose they are', async () => {
    const attempt = await world.created({ lines: ['one'], ending: 'hangs' });
    const { executionId, buildId, name, uid } = attempt;
    const { clusterUid, namespace } = attempt.place;
    const whose = { executionId, buildId, attempt: 1, shard: SHARD, uid, ended: false, clusterUid, namespace };
    for (const fresh of [true, false]) {
      const found = await eventually('run in the list', async () =>
        (await world.follower.listRuns({ fresh })).find((run) => run.name === name),
      );
      expect(found).toMatchObject(whose);
    }
    await world.follower.stop({ ...attempt, stopIntent: 'UserCancel' }, 'UserCancel', yes);
  });

  it('hears of a shard once it holds it, and lists it no more when it has given it up', async () => {
    const attempt = await world.created({ lines: ['one'], ending: 'hangs' });
    const follower = await world.openFollower(await world.harness.restarted(), [SHARD + 1]);
    const names = async (): Promise<string[]> => (await follower.listRuns()).map(({ name }) => name);
    expect(await names()).not.toContain(attempt.name);
    follower.setShards([SHARD, SHARD + 1]);
    await follower.ready(AbortSignal.timeout(20_000));
    expect(await names()).toContain(attempt.name);
    follower.setShards([SHARD + 1]);
    await follower.ready(AbortSignal.timeout(20_000));
    expect(await names()).not.toContain(attempt.name);
    await world.follower.stop({ ...attempt, stopIntent: 'UserCancel' }, 'UserCancel', yes);
  });
}
