import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '../start/failure.ts';
import { ROOT } from '../start/settings.ts';

/** Fixed names and times: the same files always make the same commit. */
const IDENTITY = {
  GIT_AUTHOR_NAME: 'Image Factory',
  GIT_AUTHOR_EMAIL: 'quickstart@image-factory.example',
  GIT_AUTHOR_DATE: '2026-01-01T00:00:00Z',
  GIT_COMMITTER_NAME: 'Image Factory',
  GIT_COMMITTER_EMAIL: 'quickstart@image-factory.example',
  GIT_COMMITTER_DATE: '2026-01-01T00:00:00Z',
};

export const EXAMPLE = 'hello-image';
export const EXAMPLE_FOLDER = join(ROOT, 'examples', EXAMPLE);

function git(args: readonly string[], environment: Readonly<Record<string, string>> = {}): string {
  const result = spawnSync('git', args, {
    encoding: 'utf8',
    cwd: EXAMPLE_FOLDER,
    env: { ...process.env, ...IDENTITY, ...environment },
  });
  if (result.error !== undefined) throw new Failure('git is not installed.', 'Install git and run the command again.');
  if (result.status !== 0)
    throw new Failure(`git ${args[0]}: ${result.stderr.trim()}`, 'The example could not be committed.');
  return result.stdout.trim();
}

/** Commits the example as it is now to the bare repository `<directory>/hello-image.git`, branch main. */
export function commitExample(directory: string): void {
  const gitDir = join(directory, `${EXAMPLE}.git`);
  mkdirSync(directory, { recursive: true });
  if (!existsSync(join(gitDir, 'HEAD'))) git(['init', '--quiet', '--bare', '--initial-branch=main', gitDir]);
  const scratch = mkdtempSync(join(tmpdir(), 'image-factory-index-'));
  const environment = { GIT_DIR: gitDir, GIT_WORK_TREE: EXAMPLE_FOLDER, GIT_INDEX_FILE: join(scratch, 'index') };
  try {
    git(['add', '--all', '--force', '.'], environment);
    const tree = git(['write-tree'], environment);
    const commit = git(['commit-tree', tree, '-m', 'Example of Image Factory'], environment);
    git(['update-ref', 'refs/heads/main', commit], environment);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
