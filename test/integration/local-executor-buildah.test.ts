import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { attemptTag, Secret } from '@image-factory/domain';
import { findBuilders } from '@image-factory/local-executor';
import { eventually, InMemoryImageRegistry, RecordingLogSink } from '@image-factory/test-support';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalExecutorHarness, NO_CREDENTIALS, untilOver, untilPrinted } from './local-executor-harness.js';

const mayWrite = (): boolean => true;
const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
const BUSYBOX = '/bin/busybox';
const found = await findBuilders({ path: SYSTEM_PATH });
const hasBuildah = found.builders.some((builder) => builder.kind === 'buildah');

/** The real builder, where the machine has it. */
describe.skipIf(!hasBuildah)('buildah', () => {
  let host: LocalExecutorHarness;
  let registry: InMemoryImageRegistry;

  beforeAll(async () => {
    registry = await InMemoryImageRegistry.start({ authentication: 'token', password: 'canary-push' });
    host = await LocalExecutorHarness.start({ realBuilder: true });
  });

  afterAll(async () => {
    await host.close();
    await registry.close();
  });

  const files = { Dockerfile: 'FROM scratch\nARG WHO=nobody\nLABEL who=$WHO\nCOPY hello /hello\n', hello: 'hello\n' };

  it('builds FROM scratch into an OCI layout whose digest it reports', async () => {
    const attempt = await host.attempt(files, { config: { build_args: { WHO: "$(id) '; x" } } });
    const follower = host.follower();
    await follower.create(attempt, NO_CREDENTIALS, mayWrite);
    const sink = new RecordingLogSink();
    await follower.followLogs(attempt, sink, AbortSignal.timeout(60_000));
    const seen = await untilOver(follower, attempt);
    expect(seen.end, sink.text('build/build')).toMatchObject({ outcome: 'succeeded' });
    const layout = join(host.options.workspaceDir, 'artifacts', attempt.executionId);
    const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as { manifests: { digest: string }[] };
    expect(seen.end?.imageDigest).toBe(index.manifests[0]?.digest);
    const blob = async (digest: string): Promise<string> =>
      await readFile(join(layout, 'blobs', digest.replace(':', '/')), 'utf8');
    const manifest = JSON.parse(await blob(seen.end?.imageDigest ?? '')) as { config: { digest: string } };
    expect(JSON.parse(await blob(manifest.config.digest))).toMatchObject({ config: { Labels: { who: "$(id) '; x" } } });
    await follower.remove(attempt, mayWrite);
    expect(existsSync(host.runDirectory(attempt))).toBe(false);
  });

  it('pushes to the attempt’s tag with the project’s credential, to a registry that speaks plain HTTP', async () => {
    const attempt = await host.attempt(files, { imageRepository: `${registry.host}/team/app`, insecureRegistry: true });
    const follower = host.follower();
    const dockerConfigJson = new Secret(registry.dockerConfigJson);
    await follower.create(attempt, { dockerConfigJson, git: undefined }, mayWrite);
    const sink = new RecordingLogSink();
    await follower.followLogs(attempt, sink, AbortSignal.timeout(60_000));
    const seen = await untilOver(follower, attempt);
    expect(seen.end, sink.text('build/push')).toMatchObject({ outcome: 'succeeded' });
    expect(registry.digestOf('team/app', attemptTag(attempt))).toBe(seen.end?.imageDigest);
    for (const step of sink.steps()) expect(sink.text(step)).not.toContain('canary');
  });

  it('names a refused password as what it is', async () => {
    const attempt = await host.attempt(files, { imageRepository: `${registry.host}/team/app`, insecureRegistry: true });
    const follower = host.follower();
    const auth = Buffer.from('push:wrong').toString('base64');
    const dockerConfigJson = new Secret(JSON.stringify({ auths: { [registry.host]: { auth } } }));
    await follower.create(attempt, { dockerConfigJson, git: undefined }, mayWrite);
    expect((await untilOver(follower, attempt)).end).toMatchObject({ reason: 'RegistryUnauthorized', fault: 'user' });
  });

  it('names a registry that is down', async () => {
    const attempt = await host.attempt(files, { imageRepository: '127.0.0.1:9/team/app', insecureRegistry: true });
    const follower = host.follower();
    await follower.create(attempt, NO_CREDENTIALS, mayWrite);
    expect((await untilOver(follower, attempt)).end).toMatchObject({ reason: 'RegistryUnavailable', fault: 'cluster' });
  });

  describe.skipIf(!existsSync(BUSYBOX))('running steps', () => {
    const withShell = (run: string) => ({
      Dockerfile: `FROM scratch\nCOPY --chmod=0755 busybox /bin/busybox\nRUN ["/bin/busybox", "sh", "-c", ${JSON.stringify(run)}]\n`,
      busybox: readFileSync(BUSYBOX),
    });

    it('runs a RUN and says its exit code and last lines', async () => {
      const attempt = await host.attempt(withShell('echo about to break; exit 3'));
      const follower = host.follower();
      await follower.create(attempt, NO_CREDENTIALS, mayWrite);
      const { end } = await untilOver(follower, attempt);
      expect(end).toMatchObject({ reason: 'StepFailed', fault: 'user' });
      expect(end?.message).toMatch(/about to break[^]*exit status 3/);
    });

    it('ends a RUN that is cancelled, in its chroot too, and its directory can be removed', async () => {
      const attempt = await host.attempt(withShell('/bin/busybox sleep 613 & echo ready; /bin/busybox sleep 612'));
      const follower = host.follower();
      await follower.create(attempt, NO_CREDENTIALS, mayWrite);
      const sink = new RecordingLogSink();
      const logs = follower.followLogs(attempt, sink, AbortSignal.timeout(60_000));
      await untilPrinted(sink, 'build/build', 'ready');
      await eventually('the RUN sleeps', () => processesWith('sleep\u0000612').length > 0);
      await follower.stop(attempt, 'UserCancel', mayWrite);
      const seen = await untilOver(follower, { ...attempt, stopIntent: 'UserCancel' });
      expect(seen.podsOver).toBe(true);
      expect([...processesWith('sleep\u0000612'), ...processesWith('sleep\u0000613')]).toEqual([]);
      await logs;
      await follower.remove(attempt, mayWrite);
      expect(existsSync(host.runDirectory(attempt))).toBe(false);
      expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(attempt.name);
    });
  });
});

function processesWith(text: string): string[] {
  return readdirOfProc().filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(text);
    } catch {
      return false;
    }
  });
}

function readdirOfProc(): string[] {
  return readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name));
}
