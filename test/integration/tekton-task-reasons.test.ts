import { spawnSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

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
  const text = join(directory, `${name}.txt`);
  writeFileSync(text, `${says}\n`);
  tool(name, `case " $* " in *" ${word} "*) cat '${text}' >&2; exit 1 ;; esac`);
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

function run(task: string): { code: number | null; lines: string[] } {
  const at = (name: string): string => join(directory, name);
  const { status, stdout } = spawnSync('sh', ['-c', scriptOf(task)], {
    encoding: 'utf8',
    env: {
      PATH: `${at('bin')}:/usr/local/bin:/usr/bin:/bin`,
      ...{ SOURCE: at('source'), CONTEXT: '.', DOCKERFILE: 'Dockerfile', TARGET: '', CACHE_REPO: '' },
      ...{ IMAGE: 'registry.example/team/app:1', INSECURE_REGISTRY: 'false', DOCKER_CONFIG: '' },
      ...{ URL_RESULT: at('url'), DIGEST_RESULT: at('digest'), MANIFEST_RESULT: at('manifest') },
      ...{ CONTAINERS_STORAGE_CONF: at('storage.conf'), CONTAINERS_REGISTRIES_CONF: at('registries.conf') },
      ...{ TEMPLATE: 'image.pkr.hcl', DEPTH: '1', URL: 'https://git.example/a.git', REVISION: 'main' },
      ...{ OUTPUT: at('source'), SUBMODULES: 'false', CREDENTIALS: '', COMMIT_RESULT: at('commit') },
      ...{ DATE_RESULT: at('date'), BUILDKIT_HOST: 'unix:///x', PLATFORMS: '' },
    },
  });
  return { code: status, lines: stdout.trimEnd().split('\n') };
}

function reasonOf(task: string): string | undefined {
  const { code, lines } = run(task);
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
  ])('reports of %j: %s', (says, reason) => {
    failing('executor', '--digest-file=' + join(directory, 'digest'), says);
    expect(reasonOf('kaniko')).toBe(reason);
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
  ])('reports of a %s that says %j: %s', (command, says, reason) => {
    failing('buildah', command, says);
    expect(reasonOf('docker-build')).toBe(reason);
  });
});

describe('buildx', () => {
  it.each([
    [`error: failed to solve: failed to push registry.example/team/app:1: ${REFUSED}`, 'RegistryUnavailable'],
    [`error: failed to solve: base.example/x: failed to resolve source metadata: ${REFUSED}`, 'BaseImageUnavailable'],
    [`error: failed to solve: "/: failed to push": ${REFUSED}`, 'BaseImageUnavailable'],
    ['error: failed to solve: write /var/lib/buildkit/x: no space left on device', 'EphemeralStorageExceeded'],
    ['error: failed to solve: process "x" did not complete successfully: no space left on device', undefined],
  ])('reports of %j: %s', (says, reason) => {
    tool('buildkitd', 'exit 0');
    failing('buildctl', 'build', says);
    expect(reasonOf('buildx')).toBe(reason);
  });
});

describe('git-clone', () => {
  it.each([
    ['fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output', 'WorkspaceFull'],
    ['remote: No space left on device\nfatal: the remote end hung up', undefined],
    ["fatal: couldn't find remote ref main", 'GitRevisionNotFound'],
  ])('reports of %j: %s', (says, reason) => {
    failing('git', 'fetch', says);
    expect(reasonOf('git-clone')).toBe(reason);
  });
});

describe('packer', () => {
  it.each([
    ['12', 'WorkspaceFull'],
    ['4096', undefined],
    ['unknown', undefined],
  ])('that failed with %s kilobytes free reports %s', (free, reason) => {
    failing('packer', 'build', 'Build errored');
    tool('df', `echo 'Filesystem 1024-blocks Used Available Capacity Mounted on'; echo 'x 100 88 ${free} 88% /w'`);
    expect(reasonOf('packer')).toBe(reason);
  });
});
