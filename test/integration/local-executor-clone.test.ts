import { randomUUID } from 'node:crypto';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Secret, type AttemptCredentials, type PresentAttempt, type RenderContext } from '@image-factory/domain';
import { GitHttpServer, RecordingLogSink } from '@image-factory/test-support';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalExecutorHarness, NO_CREDENTIALS, untilOver } from './local-executor-harness.js';

const PRINT =
  "import { readFileSync } from 'node:fs'; console.log('content: ' + readFileSync(new URL('file', import.meta.url)));";

let host: LocalExecutorHarness;
let closed: GitHttpServer;

beforeAll(async () => {
  host = await LocalExecutorHarness.start();
  closed = await GitHttpServer.start({ username: 'robot', password: 'p@ss:w/ord canary' });
});

afterAll(async () => {
  await host.close();
  await closed.close();
});

interface Ran {
  readonly seen: PresentAttempt;
  readonly sink: RecordingLogSink;
}

async function run(overrides: Partial<RenderContext>, credentials: AttemptCredentials = NO_CREDENTIALS): Promise<Ran> {
  const attempt = await host.attempt({}, overrides);
  const follower = host.follower();
  await follower.create(attempt, credentials, () => true);
  const sink = new RecordingLogSink();
  await follower.followLogs(attempt, sink, AbortSignal.timeout(50_000));
  return { seen: await untilOver(follower, attempt), sink };
}

describe('the revision', () => {
  it('may be a branch, a tag, or a commit that no ref names any more', async () => {
    const name = randomUUID();
    const first = await host.git.commit(name, { Dockerfile: 'FROM scratch\n', 'build.mjs': PRINT, file: 'one' });
    await host.git.tag(name, 'v1');
    const second = await host.git.commit(name, { file: 'two' });
    await host.git.commit(name, { file: 'three' }, 'feature/x');
    const gitRepositoryUrl = host.git.url(name);
    const cases = [
      ['v1', 'one', first],
      ['main', 'two', second],
      ['feature/x', 'three', undefined],
      [first, 'one', first],
    ] as const;
    for (const [gitRevision, content, commit] of cases) {
      const { seen, sink } = await run({ gitRepositoryUrl, gitRevision });
      expect(seen.end, sink.text('clone/clone')).toMatchObject({ outcome: 'succeeded' });
      expect(sink.text('build/build')).toContain(`content: ${content}`);
      if (commit !== undefined) expect(seen.end?.results['commit']).toBe(commit);
    }
  });
});

describe('a git host that does not answer', () => {
  it('is not the user’s fault, whether it says 503 or nothing', async () => {
    const ill = await GitHttpServer.start();
    ill.fault = (response) => {
      response.writeHead(503).end();
      return true;
    };
    const gitRepositoryUrl = ill.url('app');
    expect((await run({ gitRepositoryUrl })).seen.end).toMatchObject({ reason: 'GitUnavailable', fault: 'cluster' });
    await ill.close();
    expect((await run({ gitRepositoryUrl })).seen.end).toMatchObject({ reason: 'GitUnavailable', fault: 'cluster' });
  });

  it('when it is asked for the tag, after it had no such branch, is not the user’s fault either', async () => {
    const ill = await GitHttpServer.start();
    await ill.commit('app', { Dockerfile: 'FROM scratch\n' });
    await ill.tag('app', 'v1');
    let asked = 0;
    ill.fault = (response) => {
      asked += 1;
      // A fetch of a branch that is not there is two requests.
      if (asked <= 2) return false;
      response.writeHead(503).end();
      return true;
    };
    const { seen, sink } = await run({ gitRepositoryUrl: ill.url('app'), gitRevision: 'v1' });
    expect(sink.text('clone/clone')).toContain("couldn't find remote ref refs/heads/v1");
    expect(seen.end).toMatchObject({ reason: 'GitUnavailable', fault: 'cluster' });
    await ill.close();
  });
});

describe('a private repository', () => {
  const git = (password: string, host_ = closed.host): AttemptCredentials => ({
    dockerConfigJson: undefined,
    git: { type: 'basic', host: host_, username: 'robot', password: new Secret(password) },
  });

  it('is cloned with the credential of its host', async () => {
    const name = randomUUID();
    await closed.commit(name, { Dockerfile: 'FROM scratch\n', 'build.mjs': '' });
    const right = await run({ gitRepositoryUrl: closed.url(name) }, git('p@ss:w/ord canary'));
    expect(right.seen.end).toMatchObject({ outcome: 'succeeded' });
    expect(right.sink.text('clone/clone')).not.toContain('canary');
    for (const credentials of [NO_CREDENTIALS, git('canary wrong'), git('p@ss:w/ord canary', 'other.example')]) {
      const { seen, sink } = await run({ gitRepositoryUrl: closed.url(name) }, credentials);
      expect(seen.end).toMatchObject({ reason: 'GitAuthenticationFailed', fault: 'user' });
      expect(`${sink.text('clone/clone')}${JSON.stringify(seen)}`).not.toContain('canary');
    }
  });

  it('over ssh is asked for with a configuration of its own, strict about host keys', async () => {
    const fakeSsh = `#!/usr/bin/env node
      const { readFileSync, statSync } = require('node:fs');
      const config = process.argv[process.argv.indexOf('-F') + 1];
      console.error('args ' + process.argv.slice(4).join(' '));
      console.error(readFileSync(config, 'utf8'));
      console.error('key mode ' + (statSync(config.replace(/config$/, 'key')).mode & 0o777).toString(8));
      process.exit(255);`;
    const ssh = join(host.directory, 'bin', 'ssh');
    await writeFile(ssh, fakeSsh);
    await chmod(ssh, 0o755);
    const { seen, sink } = await run(
      { gitRepositoryUrl: 'ssh://git@127.0.0.1:2222/team/app.git' },
      {
        dockerConfigJson: undefined,
        git: { type: 'ssh_key', privateKey: new Secret('canary'), knownHosts: '127.0.0.1 ssh-ed25519 AAAA' },
      },
    );
    const log = sink.text('clone/clone');
    expect(log).toContain('StrictHostKeyChecking yes');
    expect(log).toContain('HostKeyAlias [127.0.0.1]:2222');
    expect(log).toContain('key mode 600');
    expect(log).toMatch(/args .*-p 2222 git@127\.0\.0\.1 git-upload-pack '\/team\/app\.git'/);
    expect(log).not.toContain('canary');
    expect(seen.end).toMatchObject({ outcome: 'failed', reason: 'CloneFailed' });
  });
});

describe('links in a repository', () => {
  it.each([
    ['the context', { build_context: 'outside' }],
    ['the Dockerfile', { dockerfile_path: 'passwd' }],
  ])('never lead %s to a file of the host', async (_name, config) => {
    const name = randomUUID();
    await host.git.link(name, 'outside', '/etc');
    await host.git.link(name, 'passwd', '/etc/passwd');
    await host.git.commit(name, { Dockerfile: 'FROM scratch\n', 'build.mjs': '' });
    const { seen } = await run({ gitRepositoryUrl: host.git.url(name), config });
    expect(seen.end).toMatchObject({ reason: 'DockerfileNotFound', fault: 'user' });
  });
});
