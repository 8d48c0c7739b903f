import { existsSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { attemptTag, mayBeRepeated, RETRY_DEFAULTS, Secret } from '@image-factory/domain';
import { EgressPolicy } from '@image-factory/egress';
import { RecordingLogSink } from '@image-factory/test-support';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  FAKE_DIGEST,
  LocalExecutorHarness,
  NO_CREDENTIALS,
  untilOver,
  untilPrinted,
} from './local-executor-harness.js';

let host: LocalExecutorHarness;

beforeAll(async () => {
  host = await LocalExecutorHarness.start();
});

afterAll(async () => {
  await host.close();
});

const mayWrite = (): boolean => true;

async function start(files: Record<string, string>, overrides = {}) {
  const attempt = await host.attempt(files, overrides);
  const follower = host.follower();
  const outcome = await follower.create(attempt, NO_CREDENTIALS, mayWrite);
  expect(outcome).toMatchObject({ kind: 'created' });
  const sink = new RecordingLogSink();
  const logs = follower.followLogs(attempt, sink, AbortSignal.timeout(50_000));
  return { attempt, follower, sink, logs };
}

describe('a local run', () => {
  it('clones, builds and writes an OCI layout when no repository is configured', async () => {
    const { attempt, follower, sink, logs } = await start({ 'build.mjs': "console.log('hello from the build')" });
    const seen = await untilOver(follower, attempt);
    await logs;
    expect(seen.end).toMatchObject({ outcome: 'succeeded', reason: 'Succeeded', imageDigest: FAKE_DIGEST });
    expect(seen.end?.results['commit']).toMatch(/^[0-9a-f]{40}$/);
    expect(seen.end?.results['IMAGE_URL']).toBe(
      `oci:${join(host.options.workspaceDir, 'artifacts', attempt.executionId)}`,
    );
    expect(sink.steps()).toEqual(['clone/clone', 'build/build', 'build/push']);
    expect(sink.text('build/build')).toContain('hello from the build\n');
    for (const step of sink.steps()) expect(sink.isEnded(step)).toBe(true);
    expect(seen.runSeconds).toBeGreaterThan(0);
    expect(JSON.parse(seen.end?.finalDocument ?? '')).toMatchObject({
      kind: 'LocalRun',
      status: { reason: 'Succeeded' },
    });
    expect(host.changes).toContain(attempt.executionId);
    await follower.remove(attempt, mayWrite);
    expect(await follower.observe(attempt)).toEqual({ kind: 'absent' });
    expect(existsSync(host.runDirectory(attempt))).toBe(false);
    expect(existsSync(join(host.options.workspaceDir, 'artifacts', attempt.executionId, 'index.json'))).toBe(true);
  });

  it('pushes to the attempt’s own tag when a repository is configured', async () => {
    const attempt = await host.attempt({ 'build.mjs': '' }, { imageRepository: '127.0.0.1:5/team/app' });
    const follower = host.follower();
    await follower.create(attempt, NO_CREDENTIALS, mayWrite);
    const seen = await untilOver(follower, attempt);
    expect(seen.end?.results['IMAGE_URL']).toBe(`127.0.0.1:5/team/app:${attemptTag(attempt)}`);
    expect(seen.end?.imageDigest).toBe(FAKE_DIGEST);
  });

  it('keeps every byte: NUL, a line of 10 MB, carriage returns, no last line feed', async () => {
    const script = `
      import { writeSync } from 'node:fs';
      const write = (fd, data) => { for (let at = 0; at < data.length; ) at += writeSync(fd, data, at); };
      write(1, Buffer.from('a\\0b\\r\\n\\n'));
      write(2, Buffer.from('to stderr\\n'));
      write(1, Buffer.alloc(10 * 1024 * 1024, 'x'));
      write(1, Buffer.from('\\nlast without feed'));`;
    const { attempt, follower, sink, logs } = await start({ 'build.mjs': script });
    await untilOver(follower, attempt);
    await logs;
    const bytes = sink.bytes('build/build');
    const expected = Buffer.concat([
      Buffer.from('a\0b\r\n\nto stderr\n'),
      Buffer.alloc(10 * 1024 * 1024, 'x'),
      Buffer.from('\nlast without feed'),
    ]);
    const start_ = bytes.indexOf('\n') + 1;
    expect(bytes.subarray(start_).equals(expected)).toBe(true);
    const records = sink.records('build/build');
    expect(records.at(-1)).toMatchObject({ newline: false });
    const times = records.map((record) => record.time);
    expect([...times].sort()).toEqual(times);
  });

  it('resumes a log at the byte where the stored part ends', async () => {
    const script = "for (let i = 0; i < 2000; i++) console.log('line ' + i)";
    const { attempt, follower, sink, logs } = await start({ 'build.mjs': script });
    await logs;
    await untilOver(follower, attempt);
    const whole = sink.bytes('build/build');
    const second = new RecordingLogSink();
    const controller = new AbortController();
    second.beforeAppend = (step, records) => {
      if (step.step !== 'build') return Promise.resolve();
      controller.abort(new Error('owner changed'));
      return second.records('build/build').length > 0
        ? Promise.reject(new Error('owner changed'))
        : Promise.resolve(void records);
    };
    await expect(follower.followLogs(attempt, second, controller.signal)).rejects.toThrow('owner changed');
    second.beforeAppend = () => Promise.resolve();
    await follower.followLogs(attempt, second, AbortSignal.timeout(20_000));
    expect(second.bytes('build/build').equals(whole)).toBe(true);
  });

  it('reports a failing build with its exit code and last lines', async () => {
    const { attempt, follower, sink, logs } = await start({
      'build.mjs': "console.log('step 1'); console.error('boom'); process.exit(3)",
    });
    const seen = await untilOver(follower, attempt);
    await logs;
    expect(seen.end).toMatchObject({ outcome: 'failed', reason: 'StepFailed', fault: 'user', imageDigest: undefined });
    expect(seen.end?.message).toContain('build/build exited with 3');
    expect(seen.end?.message).toContain('boom');
    expect(sink.isEnded('build/push')).toBe(true);
    expect(sink.text('build/push')).toBe('');
  });

  it('says that the disk of the host is full', async () => {
    const { attempt, follower } = await start({
      'build.mjs': "console.error('write /x: no space left on device'); process.exit(1)",
    });
    expect((await untilOver(follower, attempt)).end).toMatchObject({ reason: 'HostDiskFull', fault: 'platform' });
  });

  it('ends a process that a step left behind before the next step begins', async () => {
    const script = `
      import { spawn } from 'node:child_process';
      const child = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
      console.log('left ' + child.pid);
      child.unref();`;
    const { attempt, follower, sink, logs } = await start({ 'build.mjs': script });
    expect((await untilOver(follower, attempt)).end).toMatchObject({ outcome: 'succeeded' });
    await logs;
    const pid = Number(/left (\d+)/.exec(sink.text('build/build'))?.[1]);
    expect(isAlive(pid)).toBe(false);
    // Nor is a number kept by which a process that is another's by then could be ended.
    const state = JSON.parse(await readFile(join(host.runDirectory(attempt), 'state.json'), 'utf8')) as {
      steps: { leaders: unknown[] }[];
    };
    expect(state.steps.flatMap(({ leaders }) => leaders)).toEqual([]);
  });

  it('gives a build nothing of our environment and no credential file of git', async () => {
    process.env['IF_PLANTED_CANARY'] = 'canary';
    const script =
      "import { readdirSync } from 'node:fs'; console.log(JSON.stringify({ env: process.env, home: readdirSync(process.env.HOME) }))";
    const attempt = await host.attempt({ 'build.mjs': script });
    const follower = host.follower();
    await follower.create(
      attempt,
      {
        dockerConfigJson: new Secret('{"auths":{"r.example":{"auth":"canary"}},"credsStore":"canary-helper"}'),
        git: { type: 'basic', host: host.git.host, username: 'u', password: new Secret('canary-git') },
      },
      mayWrite,
    );
    const sink = new RecordingLogSink();
    await follower.followLogs(attempt, sink, AbortSignal.timeout(40_000));
    const seen = await untilOver(follower, attempt);
    const line = sink
      .text('build/build')
      .split('\n')
      .find((text) => text.startsWith('{'));
    const found = JSON.parse(line ?? '{}') as { env: Record<string, string>; home: string[] };
    expect(Object.keys(found.env)).not.toContain('IF_PLANTED_CANARY');
    expect(found.home).not.toContain('.git-credentials');
    for (const step of sink.steps()) expect(sink.text(step)).not.toContain('canary');
    expect(JSON.stringify(seen)).not.toContain('canary');
    expect(await filesContaining(host.runDirectory(attempt), 'canary')).toEqual([]);
    delete process.env['IF_PLANTED_CANARY'];
  });
});

describe('stopping', () => {
  const stubborn = `
    import { spawn } from 'node:child_process';
    process.on('SIGTERM', () => {});
    const own = spawn('sleep', ['600'], { stdio: 'ignore' });
    const escaped = spawn('sleep', ['601'], { detached: true, stdio: 'ignore' });
    console.log('ready ' + own.pid + ' ' + escaped.pid);
    setInterval(() => {}, 1000);`;

  async function startStubborn() {
    const run = await start({ 'build.mjs': stubborn });
    await untilPrinted(run.sink, 'build/build', 'ready');
    const pids = /ready (\d+) (\d+)/.exec(run.sink.text('build/build'))?.slice(1).map(Number) ?? [];
    expect(pids.every(isAlive)).toBe(true);
    return { ...run, pids };
  }

  it('ends the whole tree, also what made a session of its own or ignores TERM', async () => {
    const { attempt, follower, logs, pids } = await startStubborn();
    await follower.stop(attempt, 'UserCancel', mayWrite);
    const seen = await untilOver(follower, { ...attempt, stopIntent: 'UserCancel' });
    await logs;
    expect(pids.some(isAlive)).toBe(false);
    expect((await follower.observe({ ...attempt, stopIntent: 'UserCancel' })) as typeof seen).toMatchObject({
      podsOver: true,
      end: { outcome: 'cancelled', reason: 'Cancelled' },
    });
  });

  it.each([
    ['Superseded', 'cancelled', 'Superseded'],
    ['RunLimit', 'failed', 'RunTimeout'],
    ['StartLimit', 'failed', 'StartTimeout'],
    ['Drain', 'moved', 'Drain'],
    [undefined, 'failed', 'ForeignCancel'],
  ] as const)('reads the stop by the stored intent %s', async (intent, outcome, reason) => {
    const { attempt, follower } = await start({ 'build.mjs': 'setInterval(() => {}, 1000)' });
    await follower.stop(attempt, intent ?? 'UserCancel', mayWrite);
    await untilOver(follower, attempt);
    expect(await follower.observe({ ...attempt, stopIntent: intent })).toMatchObject({ end: { outcome, reason } });
  });

  it('leaves a run alone that has ended, and is not done without the lease', async () => {
    const { attempt, follower } = await start({ 'build.mjs': '' });
    await untilOver(follower, attempt);
    await follower.stop(attempt, 'UserCancel', mayWrite);
    expect(await follower.observe({ ...attempt, stopIntent: 'UserCancel' })).toMatchObject({
      end: { outcome: 'succeeded' },
    });
    await follower.remove(attempt, () => false);
    await follower.removeCredentials(attempt, () => false);
    expect(await follower.observe(attempt)).toMatchObject({ kind: 'present' });
  });

  it('is done by the supervisor itself at the document’s limit', async () => {
    const { attempt, follower } = await start(
      { 'build.mjs': 'setInterval(() => {}, 1000)' },
      { pipelineTimeoutSeconds: 2 },
    );
    expect((await untilOver(follower, attempt)).end).toMatchObject({ outcome: 'failed', reason: 'RunTimeout' });
  });
});

describe('refusals', () => {
  it.each([
    ['a missing Dockerfile', { config: { dockerfile_path: 'nowhere/Dockerfile' } }, 'DockerfileNotFound'],
    ['a missing context', { config: { build_context: 'nowhere' } }, 'DockerfileNotFound'],
    ['a missing revision', { gitRevision: 'no-such-branch' }, 'GitRevisionNotFound'],
    ['a missing commit', { gitRevision: 'a'.repeat(40) }, 'GitRevisionNotFound'],
  ])('name %s', async (_name, overrides, reason) => {
    const { attempt, follower } = await start({ 'build.mjs': '' }, overrides);
    expect((await untilOver(follower, attempt)).end).toMatchObject({ outcome: 'failed', reason, fault: 'user' });
  });

  it('name a missing repository', async () => {
    const { attempt, follower } = await start({}, { gitRepositoryUrl: host.git.url('missing') });
    expect((await untilOver(follower, attempt)).end).toMatchObject({ reason: 'GitRepositoryNotFound' });
  });

  it('come before anything is made, for a host that may not be reached', async () => {
    const attempt = await host.attempt({}, { gitRepositoryUrl: 'http://169.254.169.254/latest/meta-data' });
    const follower = host.follower();
    expect(await follower.create(attempt, NO_CREDENTIALS, mayWrite)).toMatchObject({
      kind: 'refused',
      reason: 'EgressForbidden',
    });
    const image = await host.attempt({}, { imageRepository: '10.0.0.1:5000/app' });
    expect(await follower.create(image, NO_CREDENTIALS, mayWrite)).toMatchObject({
      kind: 'refused',
      reason: 'EgressForbidden',
    });
    expect(existsSync(host.runDirectory(attempt)) || existsSync(host.runDirectory(image))).toBe(false);
  });

  it.each([
    ['its git host', { gitRepositoryUrl: 'https://absent.example/a.git' }, 'GitUnavailable'],
    ['its registry', { imageRepository: 'absent.example/app' }, 'RegistryUnavailable'],
  ] as const)(
    'are put off while %s has no address, with a cause that may be repeated',
    async (_whose, overrides, reason) => {
      const resolve = (): Promise<never> => Promise.reject(new Error('EAI_AGAIN'));
      const cut = await LocalExecutorHarness.start({ egress: new EgressPolicy({ allow: ['127.0.0.1'], resolve }) });
      const attempt = await cut.attempt({}, overrides);
      const outcome = await cut.follower().create(attempt, NO_CREDENTIALS, mayWrite);
      expect(outcome).toMatchObject({ kind: 'retryLater', reason });
      expect(mayBeRepeated({ reason, fault: 'cluster' }, RETRY_DEFAULTS)).toBe(true);
      await cut.close();
    },
  );

  it('say which builder is missing and how to install it', async () => {
    const bare = await LocalExecutorHarness.start({ path: '/nonexistent' });
    const attempt = await bare.attempt({});
    const outcome = await bare.follower().create(attempt, NO_CREDENTIALS, mayWrite);
    expect(outcome).toMatchObject({ kind: 'refused', reason: 'BuilderMissing', fault: 'platform' });
    expect(outcome.kind === 'refused' && outcome.message).toMatch(/Run: .*buildah/);
    await bare.close();
  });
});

/** False for a zombie too: it runs nothing. */
function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

async function filesContaining(directory: string, text: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    if ((await readFile(path)).includes(text) && !path.includes('/source/')) found.push(path);
  }
  return found;
}
