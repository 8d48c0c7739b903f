import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Attempt, ExecutionFollower, LogRecord } from '@image-factory/domain';
import { eventually, RecordingLogSink, TestSignal } from '@image-factory/test-support';
import type { FaultMatch } from '@image-factory/test-support';
import { fakeTektonWorld, NO_CREDENTIALS, type FakeTektonWorld } from './tekton-world.ts';

const BUILD_LOG: FaultMatch = { method: 'GET', path: /build-pod\/log$/ };
const yes = (): boolean => true;
let current: FakeTektonWorld;
let follower: ExecutionFollower;
let sink: RecordingLogSink;

beforeEach(async () => {
  current = await fakeTektonWorld();
  sink = new RecordingLogSink();
  await open();
});
afterEach(async () => {
  await follower.close();
  await current.world.close();
});

async function open(): Promise<void> {
  follower = current.world.executor.openFollower({ ...current.world, shards: [3], onChange: () => undefined });
  await follower.ready(AbortSignal.timeout(20_000));
}

/** As a dispatcher that takes over, which has seen nothing of what went before. */
async function openAnother(): Promise<void> {
  await follower.close();
  await open();
}

/** An attempt whose build step hangs after it printed these lines. */
async function hanging(...lines: (string | Uint8Array)[]): Promise<Attempt> {
  const attempt = await current.world.attempt();
  current.tekton.scripts.set(attempt.buildId, { clone: { lines: ['cloned'] }, build: { lines, ending: 'hangs' } });
  const outcome = await follower.create(attempt, NO_CREDENTIALS, yes);
  return { ...attempt, uid: outcome.kind === 'created' ? outcome.uid : undefined };
}

function podOf(attempt: Attempt, task: string): string {
  return `${attempt.name}-${task}-pod`;
}

function print(attempt: Attempt, text: string | Uint8Array, options: { time?: string; newline?: boolean } = {}): void {
  current.server.logs.append(attempt.place.namespace, podOf(attempt, 'build'), 'step-build', text, options);
}

function follow(attempt: Attempt, signal = AbortSignal.timeout(30_000)): Promise<void> {
  return follower.followLogs(attempt, sink, signal);
}

function stored(text: string, key = 'build/build'): Promise<unknown> {
  return eventually(`"${text}" is stored`, () => sink.text(key).includes(text));
}

/** The build step as Tekton ends one that it saw waiting: its TaskRun's creation is its start, it has no container. */
function looksUnstarted(attempt: Attempt): void {
  current.server.store.update('taskruns', attempt.place.namespace, `${attempt.name}-build`, (object) => {
    const at = object.metadata.creationTimestamp;
    const terminated = { exitCode: 1, reason: 'TaskRunCancelled', startedAt: at, finishedAt: at };
    const steps = [{ name: 'build', container: 'step-build', terminated, terminationReason: terminated.reason }];
    object['status'] = { ...(object['status'] as object), steps };
  });
}

function gaps(key: string): LogRecord[] {
  return sink.records(key).filter(({ kind }) => kind === 'gap');
}

describe('the log of a step', () => {
  it('arrives line by line while the step runs, and is sealed when it has ended', async () => {
    const attempt = await hanging('one');
    const following = follow(attempt);
    await stored('one\n');
    print(attempt, 'two');
    await stored('two\n');
    expect(sink.isEnded('build/build')).toBe(false);
    current.tekton.finish(attempt.name);
    await following;
    expect(sink.text('build/build')).toBe('one\ntwo\n');
    expect(sink.text('clone/clone')).toBe('cloned\n');
    expect(sink.isEnded('build/build') && sink.isEnded('clone/clone')).toBe(true);
    expect(sink.steps()).toEqual(['clone/clone', 'build/build']);
  });

  it('is stored byte for byte: NUL, invalid UTF-8, empty lines, a long line, a last line without line feed', async () => {
    const odd = Buffer.from([0x00, 0xff, 0xfe, 0xc3, 0x28, 0x1b]);
    const long = Buffer.alloc(300_000, 'l');
    const attempt = await hanging(odd, '', long);
    const following = follow(attempt);
    await eventually('the long line', () => sink.bytes('build/build').length > 300_000);
    print(attempt, 'no line feed', { newline: false });
    current.tekton.finish(attempt.name);
    await following;
    const expected = Buffer.concat([odd, Buffer.from('\n\n'), long, Buffer.from('\nno line feed')]);
    expect(sink.bytes('build/build').equals(expected)).toBe(true);
    expect(gaps('build/build')).toEqual([]);
  });

  it('is whole although its stream breaks again and again', async () => {
    const lines = Array.from({ length: 200 }, (_, index) => `line ${index}`);
    const undo = [90, 300, 555, 1200, 2000].map((afterBytes) =>
      current.server.fault(BUILD_LOG, { kind: 'cutLog', afterBytes }),
    );
    const attempt = await hanging(...lines);
    const following = follow(attempt);
    await stored('line 199\n');
    current.tekton.finish(attempt.name);
    await following;
    for (const take of undo) take();
    expect(sink.text('build/build')).toBe(lines.map((line) => `${line}\n`).join(''));
    expect(gaps('build/build')).toEqual([]);
    expect(current.server.seen(BUILD_LOG).length).toBeGreaterThan(5);
  });

  it('is whole although many lines carry one time', async () => {
    const attempt = await hanging();
    current.server.fault(BUILD_LOG, { kind: 'cutLog', afterBytes: 150 }, 3);
    for (let index = 0; index < 12; index += 1) print(attempt, `same ${index}`, { time: '2026-11-21T09:30:00.5Z' });
    const following = follow(attempt);
    await stored('same 11\n');
    current.tekton.finish(attempt.name);
    await following;
    expect(sink.text('build/build')).toBe(Array.from({ length: 12 }, (_, index) => `same ${index}\n`).join(''));
  });

  it('is whole and has no line twice although its file is rotated and the boundary line comes again', async () => {
    const lines = Array.from({ length: 20 }, (_, index) => `line ${index}`);
    const attempt = await hanging(...lines.slice(0, 10));
    const following = follow(attempt);
    await stored('line 9\n');
    current.server.logs.rotate(attempt.place.namespace, podOf(attempt, 'build'), 'step-build', 1);
    for (const line of lines.slice(10)) print(attempt, line);
    await stored('line 19\n');
    current.tekton.finish(attempt.name);
    await following;
    expect(sink.text('build/build')).toBe(lines.map((line) => `${line}\n`).join(''));
    expect(gaps('build/build')).toEqual([]);
  });

  it('is read to its end without waiting once the step has ended', async () => {
    const attempt = await hanging('one');
    current.tekton.finish(attempt.name);
    await eventually('the end', async () => {
      const seen = await follower.observe(attempt);
      return seen.kind === 'present' && seen.phase === 'ended';
    });
    await follow(attempt);
    expect(sink.text('build/build')).toBe('one\n');
    expect(current.server.seen(BUILD_LOG).map(({ query }) => query.get('follow'))).toEqual([null]);
  });

  it('goes on from the stored end after the follower died, and asks only for what is newer', async () => {
    const attempt = await hanging('one', 'two');
    const died = new AbortController();
    const first = follow(attempt, died.signal).catch(() => undefined);
    await stored('two\n');
    died.abort(new Error('died'));
    await first;
    print(attempt, 'three');
    const before = current.server.requests.length;
    const second = follow(attempt);
    await stored('three\n');
    current.tekton.finish(attempt.name);
    await second;
    expect(sink.text('build/build')).toBe('one\ntwo\nthree\n');
    const asked = current.server.requests.slice(before).filter(({ path }) => path.endsWith('build-pod/log'));
    expect(asked[0]?.query.get('sinceTime')).toBeTruthy();
    expect(asked.length).toBeGreaterThan(0);
  });

  it('marks a gap where the stored end was rotated away', async () => {
    const attempt = await hanging();
    print(attempt, 'old', { time: '2026-11-21T09:30:00.1Z' });
    const died = new AbortController();
    const first = follow(attempt, died.signal).catch(() => undefined);
    await stored('old\n');
    died.abort(new Error('died'));
    await first;
    const sinkRecords = sink.records('build/build').length;
    await sink.append({ task: 'build', step: 'build', ordinal: 101 }, [
      { kind: 'line', time: '2026-11-21T09:30:05Z', text: Buffer.from('rotated away'), newline: true },
    ]);
    print(attempt, 'new', { time: '2026-11-21T09:31:00Z' });
    const second = follow(attempt);
    await stored('new\n');
    current.tekton.finish(attempt.name);
    await second;
    expect(
      sink
        .records('build/build')
        .slice(sinkRecords + 1)
        .map(({ kind }) => kind),
    ).toEqual(['gap', 'line']);
  });

  it('has a gap with its reason when the pod is gone before it was read', async () => {
    const attempt = await hanging('one', 'two');
    const cancelled = { ...attempt, stopIntent: 'UserCancel' as const };
    current.server.fault(BUILD_LOG, { kind: 'status', status: 503, reason: 'ServiceUnavailable' }, 1000);
    const following = follow(attempt);
    await eventually('a try', () => current.server.seen(BUILD_LOG).length > 0);
    current.server.faults.clear();
    await follower.stop(cancelled, 'UserCancel', yes);
    await following;
    expect(gaps('build/build').map((gap) => (gap.kind === 'gap' ? gap.reason : ''))).toEqual(['PodDeleted']);
    expect(sink.isEnded('build/build')).toBe(true);
  });

  it('has a gap when its run was deleted, and its task was never seen', async () => {
    const attempt = await current.world.attempt();
    const { namespace } = attempt.place;
    current.tekton.scripts.set(attempt.buildId, {
      clone: { lines: ['cloned'], ending: 'hangs' },
      build: { lines: ['built'], ending: 'hangs' },
    });
    const outcome = await follower.create(attempt, NO_CREDENTIALS, yes);
    const following = follow({ ...attempt, uid: outcome.kind === 'created' ? outcome.uid : undefined });
    await stored('cloned\n', 'clone/clone');
    // Nothing of it is told: the watches list anew when it is over.
    current.server.endWatches();
    current.tekton.finish(attempt.name);
    current.server.store.delete('pipelineruns', namespace, attempt.name);
    current.server.store.compact();
    await following;
    expect(gaps('build/build')).toMatchObject([
      { reason: 'PodDeleted', message: expect.stringContaining('before the log of task build could be read') },
    ]);
    expect(sink.isEnded('build/build')).toBe(true);
  });

  it('has no gap when the pod was deleted after its stream had ended by itself', async () => {
    const attempt = await hanging('one', 'two');
    const following = follow(attempt);
    await stored('two\n');
    await follower.stop({ ...attempt, stopIntent: 'UserCancel' }, 'UserCancel', yes);
    await following;
    expect(sink.text('build/build')).toBe('one\ntwo\n');
    expect(gaps('build/build')).toEqual([]);
  });

  it('is sealed empty when the step never started', async () => {
    const attempt = await current.world.attempt();
    current.tekton.scripts.set(attempt.buildId, {
      clone: { lines: ['no such repository'], ending: 'fails', exitCode: 128 },
    });
    await follower.create(attempt, NO_CREDENTIALS, yes);
    await follow(attempt);
    expect(sink.text('clone/clone')).toBe('no such repository\n');
    expect(sink.isEnded('build/build')).toBe(true);
    expect(sink.records('build/build')).toEqual([]);
  });

  it('has a gap when nobody saw its pod, though Tekton gives the step the start of one that never ran', async () => {
    const attempt = await hanging('one', 'two');
    await follower.stop({ ...attempt, stopIntent: 'UserCancel' }, 'UserCancel', yes);
    looksUnstarted(attempt);
    await openAnother();
    await follow(attempt);
    expect(gaps('build/build').map((gap) => (gap.kind === 'gap' ? gap.reason : ''))).toEqual(['PodDeleted']);
    expect(sink.isEnded('build/build')).toBe(true);
  });

  it('is sealed empty when its pod was seen to go before the step started', async () => {
    const attempt = await current.world.attempt();
    const waits = { reason: 'ContainerCreating', message: 'a volume is not mounted' };
    current.tekton.scripts.set(attempt.buildId, { clone: { lines: ['cloned'] }, build: { waits } });
    const outcome = await follower.create(attempt, NO_CREDENTIALS, yes);
    const created = { ...attempt, uid: outcome.kind === 'created' ? outcome.uid : undefined };
    const following = follow(created);
    await stored('cloned\n', 'clone/clone');
    await follower.stop({ ...created, stopIntent: 'UserCancel' }, 'UserCancel', yes);
    looksUnstarted(created);
    await following;
    expect(sink.isEnded('build/build')).toBe(true);
    expect(sink.records('build/build')).toEqual([]);
  });

  it('is read whole by who takes over while its pod is in deletion, though Tekton says that it never ran', async () => {
    current.tekton.podFinalizers = ['test/stays'];
    const attempt = await hanging('one', 'two');
    await follower.stop({ ...attempt, stopIntent: 'UserCancel' }, 'UserCancel', yes);
    looksUnstarted(attempt);
    await openAnother();
    const following = follow(attempt);
    await stored('two\n');
    print(attempt, 'last words');
    current.server.logs.end(attempt.place.namespace, podOf(attempt, 'build'), 'step-build');
    current.server.store.update('pods', attempt.place.namespace, podOf(attempt, 'build'), (object) => {
      object.metadata.finalizers = [];
    });
    await following;
    expect(sink.text('build/build')).toBe('one\ntwo\nlast words\n');
    expect(gaps('build/build')).toEqual([]);
  });

  it('is not sealed while its step runs although new watches have not listed its pod yet', async () => {
    const attempt = await hanging('one');
    const following = follow(attempt);
    await stored('one\n');
    const lags = { kind: 'PodList', apiVersion: 'v1', metadata: { resourceVersion: '1' }, items: [] };
    current.server.fault({ path: '/api/v1/pods', list: true }, { kind: 'answer', body: lags });
    current.server.fault({ path: '/api/v1/pods' }, { kind: 'silence' });
    follower.setShards([3, 4]);
    await follower.ready(AbortSignal.timeout(20_000));
    const wholeReads = () => current.server.seen(BUILD_LOG).filter(({ query }) => !query.has('follow')).length;
    await eventually('its log was read as that of a pod that is gone', () => wholeReads() > 0, { deadlineMs: 20_000 });
    print(attempt, 'two');
    current.server.endWatches();
    await stored('two\n');
    current.tekton.finish(attempt.name);
    await following;
    expect(sink.text('build/build')).toBe('one\ntwo\n');
    expect(gaps('build/build')).toEqual([]);
  });

  it('is not sealed before its TaskRun has ended, though the run has and its pod is not there', async () => {
    const attempt = await hanging('one');
    current.tekton.paused = true;
    const { namespace } = attempt.place;
    const pod = current.server.store.delete('pods', namespace, podOf(attempt, 'build'));
    current.server.store.update('pipelineruns', namespace, attempt.name, (object) => {
      object['status'] = { conditions: [{ type: 'Succeeded', status: 'False', reason: 'Cancelled' }] };
    });
    await openAnother();
    const following = follow(attempt);
    await stored('cloned\n', 'clone/clone');
    await eventually(
      'a look at the pods',
      () => current.server.seen({ path: `/api/v1/namespaces/${namespace}/pods` }).length > 0,
    );
    current.server.store.put('pods', pod);
    await stored('one\n');
    current.server.logs.end(namespace, podOf(attempt, 'build'), 'step-build');
    current.server.store.update('pods', namespace, podOf(attempt, 'build'), (object) => {
      object['status'] = {
        phase: 'Failed',
        containerStatuses: [{ name: 'step-build', state: { terminated: { exitCode: 1 } } }],
      };
    });
    current.server.store.update('taskruns', namespace, `${attempt.name}-build`, (object) => {
      const conditions = [{ type: 'Succeeded', status: 'False', reason: 'TaskRunCancelled' }];
      object['status'] = { ...(object['status'] as object), conditions };
    });
    await following;
    expect(sink.text('build/build')).toBe('one\n');
    expect(sink.isEnded('build/build')).toBe(true);
  });

  it('is not sealed by who has given its shard up while the step runs', async () => {
    const attempt = await hanging('one');
    const following = follow(attempt);
    following.catch(() => undefined);
    await stored('one\n');
    follower.setShards([4]);
    await follower.ready(AbortSignal.timeout(20_000));
    current.server.dropConnections();
    await expect(following).rejects.toMatchObject({ reason: 'LeaseLost' });
    expect(sink.isEnded('build/build')).toBe(false);
  });

  it('is not sealed by who has given its shard up when the run had ended and its pod was not seen', async () => {
    const attempt = await hanging('one');
    await follower.stop({ ...attempt, stopIntent: 'UserCancel' }, 'UserCancel', yes);
    await openAnother();
    const accepting = new TestSignal();
    const accepted = new TestSignal();
    sink.beforeAppend = async () => {
      accepting.raise();
      await accepted.raised;
    };
    const following = follow(attempt);
    following.catch(() => undefined);
    await accepting.raised;
    follower.setShards([4]);
    await follower.ready(AbortSignal.timeout(20_000));
    accepted.raise();
    await expect(following).rejects.toMatchObject({ reason: 'LeaseLost' });
    expect(sink.isEnded('build/build')).toBe(false);
  });

  it('ends with what the sink throws, as when the lease is lost', async () => {
    const attempt = await hanging('one');
    sink.beforeAppend = () => Promise.reject(new Error('lease lost'));
    await expect(follow(attempt)).rejects.toThrow('lease lost');
    current.tekton.finish(attempt.name);
  });
});
