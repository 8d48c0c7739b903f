import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findProgram, run } from '../machine/command.ts';
import { type Layout, ports, sharedAddress } from '../machine/layout.ts';
import { assertDaemonAlive, daemonLog, ensureDaemon } from '../machine/processes.ts';
import { coldStartMs, waitUntil } from '../machine/progress.ts';
import { exampleFiles } from './example-repository.ts';

const serverUrl = `http://${sharedAddress}:${ports.gitHttp}`;

/** Where every repository can be read by everybody: `<base>/<name>.git`. */
export const gitUrlBase = `${serverUrl}/cgi-bin/git`;

/** The same repositories, for those who know the password. */
export const privateGitUrlBase = `${serverUrl}/cgi-bin/git-private`;

export const gitUser = { username: 'git', password: 'gitpw' } as const;

/** Directory of the bare repositories. */
export function repositoriesDir(layout: Layout): string {
  return join(layout.dataDir, 'git');
}

function writeServerFiles(layout: Layout): { readonly webDir: string; readonly configFile: string } {
  const webDir = join(layout.dataDir, 'www');
  const configFile = join(layout.dataDir, 'httpd.conf');
  const gitDir = repositoriesDir(layout);
  mkdirSync(join(webDir, 'cgi-bin'), { recursive: true });
  mkdirSync(gitDir, { recursive: true });
  // An empty REMOTE_USER keeps http-backend from accepting pushes.
  const script = `#!/bin/sh\nexport GIT_PROJECT_ROOT=${gitDir} GIT_HTTP_EXPORT_ALL=1 REMOTE_USER=\nexec git http-backend\n`;
  for (const name of ['git', 'git-private']) {
    const file = join(webDir, 'cgi-bin', name);
    writeFileSync(file, script);
    chmodSync(file, 0o755);
  }
  writeFileSync(configFile, `/cgi-bin/git-private:${gitUser.username}:${gitUser.password}\n`);
  return { webDir, configFile };
}

/** True when the example repository can be listed over HTTP. */
export async function isGitServerReady(): Promise<boolean> {
  return (
    await fetch(`${gitUrlBase}/example.git/info/refs?service=git-upload-pack`, { signal: AbortSignal.timeout(5000) })
  ).ok;
}

/** Starts git's smart HTTP server (read only) and brings the repository `example.git` to its content. */
export async function startGitServer(layout: Layout): Promise<void> {
  const { webDir, configFile } = writeServerFiles(layout);
  await createRepository(layout, 'example', exampleFiles);
  await ensureDaemon(layout, {
    name: 'git-http',
    command: findProgram('busybox')!,
    args: ['httpd', '-f', '-p', `${sharedAddress}:${ports.gitHttp}`, '-h', webDir, '-c', configFile],
  });
  await waitUntil(
    () => {
      assertDaemonAlive(layout, 'git-http');
      return isGitServerReady();
    },
    { what: 'An answer of the git server', timeoutMs: coldStartMs, logFile: daemonLog(layout, 'git-http') },
  );
}

/** Fixed names and times make commit ids a function of the content and its history. */
const identity = {
  GIT_AUTHOR_NAME: 'Test',
  GIT_AUTHOR_EMAIL: 'test@image-factory.example',
  GIT_AUTHOR_DATE: '2026-01-01T00:00:00Z',
  GIT_COMMITTER_NAME: 'Test',
  GIT_COMMITTER_EMAIL: 'test@image-factory.example',
  GIT_COMMITTER_DATE: '2026-01-01T00:00:00Z',
};

async function commitDirectory(gitDir: string, workTree: string, branch: string): Promise<string> {
  const scratch = mkdtempSync(join(tmpdir(), 'image-factory-index-'));
  const env = { ...identity, GIT_DIR: gitDir, GIT_WORK_TREE: workTree, GIT_INDEX_FILE: join(scratch, 'index') };
  const git = async (...args: string[]) => (await run('git', args, { cwd: workTree, env })).trim();
  try {
    await git('add', '--all', '--force', '.');
    const tree = await git('write-tree');
    const parent = await git('for-each-ref', '--format=%(objectname)', `refs/heads/${branch}`);
    if (parent !== '' && (await git('rev-parse', `${parent}^{tree}`)) === tree) return parent;
    const commit = await git(
      'commit-tree',
      tree,
      ...(parent === '' ? [] : ['-p', parent]),
      '-m',
      `Content of ${branch}`,
    );
    await git('update-ref', `refs/heads/${branch}`, commit);
    return commit;
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

export interface CreatedRepository {
  readonly url: string;
  readonly privateUrl: string;
  /** Commit id, 40 hexadecimal digits. */
  readonly commit: string;
}

/** Commits everything below `workTree` to a branch of `<name>.git`, where it is not there yet; both are made when missing. */
export async function createRepositoryFromDirectory(
  layout: Layout,
  name: string,
  workTree: string,
  branch = 'main',
): Promise<CreatedRepository> {
  if (!/^[a-z0-9][a-z0-9._-]*$/.test(name))
    throw new Error(`${name} is not a repository name: small letters, digits, dots, dashes.`);
  const gitDir = join(repositoriesDir(layout), `${name}.git`);
  await run('git', ['init', '--quiet', '--bare', '--initial-branch=main', gitDir]);
  const commit = await commitDirectory(gitDir, workTree, branch);
  return { url: `${gitUrlBase}/${name}.git`, privateUrl: `${privateGitUrlBase}/${name}.git`, commit };
}

/** The same for files given as path → text. */
export async function createRepository(
  layout: Layout,
  name: string,
  files: Readonly<Record<string, string>>,
  branch = 'main',
): Promise<CreatedRepository> {
  const workTree = mkdtempSync(join(tmpdir(), 'image-factory-tree-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(workTree, path)), { recursive: true });
      writeFileSync(join(workTree, path), text);
    }
    return await createRepositoryFromDirectory(layout, name, workTree, branch);
  } finally {
    rmSync(workTree, { recursive: true });
  }
}
