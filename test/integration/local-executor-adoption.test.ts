import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Attempt } from '@image-factory/domain';
import { LocalBuildExecutor } from '@image-factory/local-executor';
import { eventually, RecordingLogSink } from '@image-factory/test-support';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  LocalExecutorHarness,
  NO_CREDENTIALS,
  SUPERVISOR_ARGUMENTS,
  untilOver,
  untilPrinted,
} from './local-executor-harness.js';

const mayWrite = (): boolean => true;
/** Prints until the file `go` appears in its own directory, then ends well. */
const WAITS_FOR_GO = `
  import { existsSync } from 'node:fs';
  console.log('ready');
  let i = 0;
  const timer = setInterval(() => {
    console.log('line ' + i++);
    if (existsSync(process.env.TMPDIR + '/go')) { clearInterval(timer); console.log('done'); }
  }, 5);`;

let host: LocalExecutorHarness;

beforeAll(async () => {
  host = await LocalExecutorHarness.start();
});

afterAll(async () => {
  await host.close();
});

interface SupervisorFile {
  readonly process: { readonly pid: number };
}

async function supervisorPid(attempt: Attempt): Promise<number> {
  const text = await readFile(join(host.runDirectory(attempt), 'supervisor.json'), 'utf8');
  return (JSON.parse(text) as SupervisorFile).process.pid;
}

/** Another process on this host creates the attempt, as a dispatcher would, and tells when it has. */
async function createInAnotherProcess(attempt: Attempt): Promise<ChildProcess> {
  const script = fileURLToPath(new URL('./local-executor-dispatcher.ts', import.meta.url));
  const { workspaceDir, path } = host.options;
  const flags = [
    '--experimental-transform-types',
    '--disable-warning=ExperimentalWarning',
    ...SUPERVISOR_ARGUMENTS.slice(0, -1),
  ];
  const child = spawn(process.execPath, [...flags, script, workspaceDir, path], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify(attempt));
  const [answer] = (await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])) as [Buffer | number];
  expect(String(answer)).toContain('created');
  return child;
}

describe('a run whose dispatcher was killed', () => {
  it('runs on and is adopted by the next dispatcher of its host, with every byte of its log', async () => {
    const attempt = await host.attempt({ 'build.mjs': WAITS_FOR_GO });
    const first = await createInAnotherProcess(attempt);
    const exited = once(first, 'exit');
    first.kill('SIGKILL');
    await exited;
    const follower = host.follower(new LocalBuildExecutor(host.options));
    await follower.ready(AbortSignal.timeout(5_000));
    expect(await follower.listRuns()).toMatchObject([{ executionId: attempt.executionId, ended: false }]);
    expect(await follower.create(attempt, NO_CREDENTIALS, mayWrite)).toMatchObject({ kind: 'adopted' });
    const sink = new RecordingLogSink();
    const logs = follower.followLogs(attempt, sink, AbortSignal.timeout(40_000));
    await untilPrinted(sink, 'build/build', 'line 20');
    await writeFile(join(host.runDirectory(attempt), 'tmp', 'go'), '');
    expect((await untilOver(follower, attempt)).end).toMatchObject({ outcome: 'succeeded' });
    await logs;
    const lines = sink
      .text('build/build')
      .split('\n')
      .filter((line) => line.startsWith('line '));
    expect(lines).toEqual(lines.map((_line, index) => `line ${index}`));
    expect(sink.text('build/build')).toContain('done\n');
    expect(await readFile(join(host.runDirectory(attempt), 'logs', 'build-build.log'))).toEqual(
      sink.bytes('build/build'),
    );
    await follower.remove(attempt, mayWrite);
  });
});

describe('a run whose supervisor was killed', () => {
  it('ends as HostLost, its processes end too, and its log is sealed', async () => {
    const attempt = await host.attempt({
      'build.mjs': "console.log('ready ' + process.pid); setInterval(() => {}, 1000)",
    });
    const follower = host.follower();
    await follower.create(attempt, NO_CREDENTIALS, mayWrite);
    const sink = new RecordingLogSink();
    const logs = follower.followLogs(attempt, sink, AbortSignal.timeout(40_000));
    await untilPrinted(sink, 'build/build', 'ready');
    const pid = Number(/ready (\d+)/.exec(sink.text('build/build'))?.[1]);
    process.kill(await supervisorPid(attempt), 'SIGKILL');
    const seen = await untilOver(follower, attempt);
    expect(seen.end).toMatchObject({ outcome: 'failed', reason: 'HostLost', fault: 'platform' });
    expect(/\) [ZX] /.test(statOf(pid))).toBe(statOf(pid) !== '');
    await logs;
    expect(sink.isEnded('build/push')).toBe(true);
    expect((await follower.observe(attempt)) as typeof seen).toMatchObject({ endedAt: seen.endedAt });
  });

  it('is cancelled when a cancel was stored before', async () => {
    const attempt = await host.attempt({ 'build.mjs': 'setInterval(() => {}, 1000)' });
    const follower = host.follower();
    await follower.create(attempt, NO_CREDENTIALS, mayWrite);
    process.kill(await supervisorPid(attempt), 'SIGKILL');
    await untilOver(follower, attempt);
    expect(await follower.observe({ ...attempt, stopIntent: 'UserCancel' })).toMatchObject({
      end: { outcome: 'cancelled' },
    });
  });
});

describe('creating', () => {
  it('at once from several dispatchers makes one run with one supervisor', async () => {
    const attempt = await host.attempt({ 'build.mjs': "console.log('once')" });
    const followers = Array.from({ length: 5 }, () => host.follower(new LocalBuildExecutor(host.options)));
    const outcomes = await Promise.all(followers.map((follower) => follower.create(attempt, NO_CREDENTIALS, mayWrite)));
    const uids = new Set(outcomes.map((outcome) => ('uid' in outcome ? outcome.uid : outcome.kind)));
    expect(uids.size).toBe(1);
    const follower = followers[0] ?? host.follower();
    expect((await untilOver(follower, attempt)).end).toMatchObject({ outcome: 'succeeded' });
    const sink = new RecordingLogSink();
    await follower.followLogs(attempt, sink, AbortSignal.timeout(10_000));
    expect(sink.text('build/build').match(/once/g)).toHaveLength(1);
  });

  it('that was cut off before its supervisor started is finished by the next create', async () => {
    const attempt = await host.attempt({ 'build.mjs': '' });
    const cut = new LocalBuildExecutor({ ...host.options, supervisorArguments: ['--eval', ''] });
    expect(await host.follower(cut).create(attempt, NO_CREDENTIALS, mayWrite)).toMatchObject({ kind: 'retryLater' });
    const follower = host.follower();
    expect(await follower.observe(attempt)).toMatchObject({ phase: 'pending', podsOver: false });
    expect(await follower.create(attempt, NO_CREDENTIALS, mayWrite)).toMatchObject({ kind: 'created' });
    expect((await untilOver(follower, attempt)).end).toMatchObject({ outcome: 'succeeded' });
  });

  it('is refused once the credentials of the attempt were removed, also after its run is gone', async () => {
    const attempt = await host.attempt({ 'build.mjs': '' });
    const follower = host.follower();
    await follower.create(attempt, NO_CREDENTIALS, mayWrite);
    await untilOver(follower, attempt);
    await follower.removeCredentials(attempt, mayWrite);
    await follower.remove(attempt, mayWrite);
    await follower.remove(attempt, mayWrite);
    expect(await follower.create(attempt, NO_CREDENTIALS, mayWrite)).toMatchObject({
      kind: 'refused',
      reason: 'ObjectConflict',
    });
    expect(existsSync(host.runDirectory(attempt))).toBe(false);
  });

  it('writes nothing without the lease', async () => {
    const attempt = await host.attempt({ 'build.mjs': '' });
    expect(await host.follower().create(attempt, NO_CREDENTIALS, () => false)).toEqual({ kind: 'notAllowed' });
    expect(existsSync(host.runDirectory(attempt))).toBe(false);
  });

  it('stopped before any supervisor started never starts one', async () => {
    const attempt = await host.attempt({ 'build.mjs': '' });
    const cut = new LocalBuildExecutor({ ...host.options, supervisorArguments: ['--eval', ''] });
    await host.follower(cut).create(attempt, NO_CREDENTIALS, mayWrite);
    const follower = host.follower();
    await follower.stop(attempt, 'UserCancel', mayWrite);
    expect(await follower.observe({ ...attempt, stopIntent: 'UserCancel' })).toMatchObject({
      phase: 'ended',
      podsOver: true,
      end: { outcome: 'cancelled' },
    });
    expect(await follower.create(attempt, NO_CREDENTIALS, mayWrite)).toMatchObject({ kind: 'adopted' });
  });
});

describe('hosts and shards', () => {
  it('keep an attempt of another host unreachable, never absent', async () => {
    const attempt = await host.attempt({ 'build.mjs': '' });
    const place = { ...attempt.place, clusterUid: 'host-2', namespace: 'host-two' };
    expect(await host.follower().observe({ ...attempt, place })).toMatchObject({
      kind: 'unreachable',
      reason: 'HostLost',
    });
  });

  it('show a follower only the runs of its shards and its installation', async () => {
    const attempt = await host.attempt({ 'build.mjs': '' });
    const follower = host.follower();
    await follower.create(attempt, NO_CREDENTIALS, mayWrite);
    await untilOver(follower, attempt);
    const names = async (): Promise<string[]> => (await follower.listRuns()).map((run) => run.name);
    expect(await names()).toContain(attempt.name);
    follower.setShards([1]);
    expect(await names()).toEqual([]);
    host.changes.length = 0;
    follower.setShards([0]);
    await eventually('the run is told of again', () => host.changes.includes(attempt.executionId));
    expect(follower.watchAgeMs()).toBeLessThan(5_000);
  });
});

function statOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return '';
  }
}
