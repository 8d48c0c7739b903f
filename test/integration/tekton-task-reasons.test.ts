import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { GitHttpServer } from '@image-factory/test-support';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const TASKS = fileURLToPath(new URL('../../deploy/tekton/tasks/', import.meta.url));

/** The scripts of our Tasks, run by this machine's shell with tools that say what a test wants. */
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'if-task-'));
  for (const name of ['bin', 'state', 'source']) mkdirSync(join(directory, name));
  writeFileSync(join(directory, 'source', 'Dockerfile'), 'FROM scratch\n');
  writeFileSync(join(directory, 'source', 'image.pkr.hcl'), '');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function tool(name: string, script: string): void {
  writeFileSync(join(directory, 'bin', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

/** Says something as its last error and fails, when it is called with this word. */
function failing(name: string, word: string, says: string): void {
  const words = join(directory, `${name}.txt`);
  writeFileSync(words, `${says}\n`);
  tool(name, `case " $* " in *" ${word} "*) cat '${words}' >&2; exit 1 ;; esac`);
}

/** The one step's script of a Task, with its fixed directories moved into the test's own. */
function scriptOf(task: string): string {
  const lines = readFileSync(join(TASKS, `${task}.yaml`), 'utf8').split('\n');
  const start = lines.findIndex((line) => /^ +script: \|$/.test(line));
  const indent = /^ */.exec(lines[start + 1] ?? '')?.[0] ?? '';
  return lines
    .slice(start + 1)
    .map((line) => line.slice(indent.length))
    .join('\n')
    .replace(/^export PATH=.*$/m, '')
    .replaceAll('/kaniko/executor', 'executor')
    .replaceAll(/(?<![\w.])\/(?:image-factory|state)(?=\/)/g, join(directory, 'state'));
}

interface Ran {
  readonly code: number | null;
  readonly lines: readonly string[];
}

async function run(task: string, params: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const at = (name: string): string => join(directory, name);
  const script = spawn('sh', ['-c', scriptOf(task)], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: {
      PATH: `${at('bin')}:/usr/local/bin:/usr/bin:/bin`,
      ...{ SOURCE: at('source'), CONTEXT: '.', DOCKERFILE: 'Dockerfile', TARGET: '', CACHE_REPO: '' },
      ...{ IMAGE: 'registry.example/team/app:1', INSECURE_REGISTRY: 'false', DOCKER_CONFIG: '' },
      ...{ URL_RESULT: at('url'), DIGEST_RESULT: at('digest'), MANIFEST_RESULT: at('manifest') },
      ...{ CONTAINERS_STORAGE_CONF: at('storage.conf'), CONTAINERS_REGISTRIES_CONF: at('registries.conf') },
      ...{ TEMPLATE: 'image.pkr.hcl', DEPTH: '1', URL: 'https://git.example/a.git', REVISION: 'main' },
      ...{ OUTPUT: at('source'), SUBMODULES: 'false', CREDENTIALS: '', COMMIT_RESULT: at('commit') },
      ...{ DATE_RESULT: at('date'), BUILDKIT_HOST: 'unix:///x', PLATFORMS: '' },
      ...{ HOME: at('state'), LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_NOSYSTEM: '1', ...params },
    },
  });
  const [stdout, code] = await Promise.all([
    text(script.stdout),
    new Promise<number | null>((resolve) => script.once('close', resolve)),
  ]);
  return { code, lines: stdout.trimEnd().split('\n') };
}

async function reasonOf(task: string, params?: Readonly<Record<string, string>>): Promise<string | undefined> {
  const { code, lines } = await run(task, params);
  expect(code).toBe(1);
  return /^image-factory: reason=(\w+)$/.exec(lines.at(-1) ?? '')?.[1];
}

const REFUSED = 'dial tcp 10.0.0.1:5999: connect: connection refused';

describe('kaniko', () => {
  it.each([
    [`error checking push permissions -- make sure that: ${REFUSED}`, 'RegistryUnavailable'],
    [`error pushing image: failed to push: unexpected status code 503 Service Unavailable`, 'RegistryUnavailable'],
    [`error building image: getting image: Get "https://base.example/v2/": ${REFUSED}`, 'BaseImageUnavailable'],
    [`error building image: error pushing image ${REFUSED}`, 'BaseImageUnavailable'],
    ['error pushing image: UNAUTHORIZED: authentication required', 'RegistryUnauthorized'],
    ['error building image: write /kaniko/0/layer.tar: no space left on device', 'EphemeralStorageExceeded'],
    ['error pushing image: status code 500: write /var/lib/registry: no space left on device', 'RegistryUnavailable'],
    ['error building image: failed to execute command: no space left on device', undefined],
    ['cp: no space left on device', undefined],
  ])('reports of %j: %s', async (says, reason) => {
    failing('executor', '--digest-file=' + join(directory, 'digest'), says);
    expect(await reasonOf('kaniko')).toBe(reason);
  });
});

describe('docker-build', () => {
  it.each([
    ['push', `Error: pushing: pinging container registry: ${REFUSED}`, 'RegistryUnavailable'],
    ['build', `Error: initializing source docker://base.example/x: ${REFUSED}`, 'BaseImageUnavailable'],
    [
      'build',
      'Error: copying layers: write /var/lib/containers/x: no space left on device',
      'EphemeralStorageExceeded',
    ],
    ['build', 'Error: building at STEP "RUN x": no space left on device', undefined],
  ])('reports of a %s that says %j: %s', async (command, says, reason) => {
    failing('buildah', command, says);
    expect(await reasonOf('docker-build')).toBe(reason);
  });
});

describe('buildx', () => {
  it.each([
    [`error: failed to solve: failed to push registry.example/team/app:1: ${REFUSED}`, 'RegistryUnavailable'],
    [`error: failed to solve: base.example/x: failed to resolve source metadata: ${REFUSED}`, 'BaseImageUnavailable'],
    [`error: failed to solve: "/: failed to push": ${REFUSED}`, 'BaseImageUnavailable'],
    ['error: failed to solve: write /var/lib/buildkit/x: no space left on device', 'EphemeralStorageExceeded'],
    ['error: failed to solve: process "x" did not complete successfully: no space left on device', undefined],
  ])('reports of %j: %s', async (says, reason) => {
    tool('buildkitd', 'exit 0');
    failing('buildctl', 'build', says);
    expect(await reasonOf('buildx')).toBe(reason);
  });
});

describe('git-clone', () => {
  const words = JSON.parse(readFileSync(new URL('../fixtures/git/words.json', import.meta.url), 'utf8')) as Readonly<
    Record<string, readonly string[]>
  >;
  let git: GitHttpServer;
  beforeAll(async () => {
    git = await GitHttpServer.start();
    await git.commit('app', { Dockerfile: 'FROM scratch\n' });
  });
  beforeEach(() => {
    git.fault = undefined;
    tool('sleep', `echo "$1" >> '${join(directory, 'slept')}'`);
  });
  afterAll(() => git.close());

  /** The seconds between its tries. */
  const pauses = (): string[] => {
    const slept = join(directory, 'slept');
    return existsSync(slept) ? readFileSync(slept, 'utf8').trimEnd().split('\n') : [];
  };

  it.each(Object.entries(words).flatMap(([reason, texts]) => texts.map((says) => [says, reason])))(
    'reports of %j: %s',
    async (says, reason) => {
      failing('git', 'fetch', says);
      expect(await reasonOf('git-clone')).toBe(reason === 'CloneFailed' ? undefined : reason);
    },
  );

  it('reports a full workspace, and not the disk of the server', async () => {
    const says = 'fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output';
    failing('git', 'fetch', says);
    expect(await reasonOf('git-clone')).toBe('WorkspaceFull');
  });

  it('asks a git host that answers 503 three times', async () => {
    let asked = 0;
    git.fault = (response) => {
      asked += 1;
      response.writeHead(503).end();
      return true;
    };
    expect(await reasonOf('git-clone', { URL: git.url('app') })).toBe('GitUnavailable');
    expect({ asked, pauses: pauses() }).toEqual({ asked: 3, pauses: ['2', '5'] });
  });

  it('clones when the git host is back in time', async () => {
    let asked = 0;
    git.fault = (response) => {
      asked += 1;
      if (asked > 2) return false;
      response.destroy();
      return true;
    };
    const { code, lines } = await run('git-clone', { URL: git.url('app') });
    expect(code, lines.join('\n')).toBe(0);
    expect(readFileSync(join(directory, 'source', 'Dockerfile'), 'utf8')).toBe('FROM scratch\n');
    expect(lines.at(-1)).toMatch(/^Checked out /);
  });

  it('reports a port that nobody listens on', async () => {
    const gone = await GitHttpServer.start();
    const url = gone.url('app');
    await gone.close();
    expect(await reasonOf('git-clone', { URL: url })).toBe('GitUnavailable');
  });

  it('asks once where waiting does not help', async () => {
    expect(await reasonOf('git-clone', { URL: git.url('missing') })).toBe('GitRepositoryNotFound');
    expect(await reasonOf('git-clone', { URL: git.url('app'), REVISION: 'nowhere' })).toBe('GitRevisionNotFound');
    failing('git', 'fetch', 'ssh: connect to host git.example port 22: Operation timed out');
    expect(await reasonOf('git-clone')).toBe('GitUnavailable');
    expect(pauses()).toEqual([]);
  });
});

describe('packer', () => {
  it.each([
    ['12', 'WorkspaceFull'],
    ['4096', undefined],
    ['unknown', undefined],
  ])('that failed with %s kilobytes free reports %s', async (free, reason) => {
    failing('packer', 'build', 'Build errored');
    tool('df', `echo 'Filesystem 1024-blocks Used Available Capacity Mounted on'; echo 'x 100 88 ${free} 88% /w'`);
    expect(await reasonOf('packer')).toBe(reason);
  });
});
