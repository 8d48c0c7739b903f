import { execFileSync } from 'node:child_process';

/** The commit that is checked out, with `+` when anything but results and documents was changed since; undefined outside of a clone. */
export function productCommit(): string | undefined {
  try {
    const changed = git('status', '--porcelain', '--', ':/', ':!results', ':(top,exclude)*.md');
    return `${git('rev-parse', '--short', 'HEAD')}${changed === '' ? '' : '+'}`;
  } catch {
    return undefined;
  }
}

function git(...command: string[]): string {
  return execFileSync('git', command, { cwd: import.meta.dirname, encoding: 'utf8', stdio: 'pipe' }).trim();
}
