import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { DomainError } from '@image-factory/domain';
import { isErrno } from './write-atomically.js';

export interface RemoveTreeOptions {
  /** Absolute path of buildah or podman, which can remove what belongs to a rootless build's other user ids. */
  readonly unshareWith: string | undefined;
  /** `PATH` for the programs asked. */
  readonly path: string;
  /** Entry that goes last, after everything else is gone: what says that the directory is here. */
  readonly last?: string;
}

/**
 * Removes a run's directory, whatever a builder left in it. Mounts below it are taken away first: to remove what is
 * mounted there could reach the host's own files. A removal that is cut off leaves `last`, so that it is found again.
 * @throws DomainError Unavailable ProcessFailed when something cannot be removed
 */
export async function removeTree(directory: string, options: RemoveTreeOptions): Promise<void> {
  for (const mount of (await mountsBelow(directory)).reverse()) {
    await execa('umount', ['--lazy', '--', mount], {
      reject: false,
      extendEnv: false,
      env: { PATH: options.path },
      timeout: 20_000,
    });
  }
  if ((await mountsBelow(directory)).length > 0) throw notRemoved(directory, 'a file system is mounted in it');
  const entries = options.last === undefined ? [] : await readdir(directory).catch(() => []);
  for (const entry of entries) if (entry !== options.last) await removePath(join(directory, entry), directory, options);
  await removePath(directory, directory, options);
}

async function removePath(path: string, directory: string, options: RemoveTreeOptions): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true, maxRetries: 3 });
  } catch (error) {
    if (!isErrno(error, 'EACCES', 'EPERM') || options.unshareWith === undefined)
      throw notRemoved(directory, codeOf(error));
    await execa(options.unshareWith, ['unshare', 'rm', '-rf', '--', path], {
      reject: false,
      extendEnv: false,
      env: { PATH: options.path, HOME: directory },
      timeout: 120_000,
    });
    await rm(path, { recursive: true, force: true }).catch((again: unknown) => {
      throw notRemoved(directory, codeOf(again));
    });
  }
}

/** Mount points strictly below a directory, parents first. Linux only; elsewhere builders mount nothing of ours. */
async function mountsBelow(directory: string): Promise<string[]> {
  const table = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  const points = table.split('\n').map((line) => unescapeOctal(line.split(' ')[4] ?? ''));
  return points.filter((point) => point.startsWith(`${directory}/`)).sort();
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_whole, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

function notRemoved(directory: string, why: string): DomainError {
  return new DomainError({
    kind: 'Unavailable',
    reason: 'ProcessFailed',
    message: `The run's directory ${directory} cannot be removed: ${why}.`,
    retryable: true,
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
