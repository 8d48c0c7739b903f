import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { isAbsolute, sep } from 'node:path';
import { DomainError } from '@image-factory/domain';

/** Which files credentials may be read from. */
export interface CredentialFileRules {
  /** Directories (`IF_CREDENTIAL_DIRS`) below which files may be named over REST. */
  readonly allowedDirs: readonly string[];
  /** True for what an operator wrote himself (environment, config file, in-cluster): any path. */
  readonly anyPath: boolean;
}

const MAX_BYTES = 1024 * 1024;

/**
 * Reads a credential file: absolute, regular, at most 1 MiB, and (after symbolic links) below an allowed directory.
 * @throws DomainError InvalidInput CredentialUnreadable, naming the path and what to do, never the content
 */
export async function readCredentialFile(path: string, rules: CredentialFileRules): Promise<string> {
  if (!isAbsolute(path) || path.includes('\0')) throw unreadable(path, 'must be an absolute path');
  const real = await resolved(path);
  if (real === undefined) throw unreadable(path, 'does not exist or cannot be reached');
  if (!rules.anyPath && !(await isBelow(real, rules.allowedDirs))) {
    throw unreadable(path, 'is not below a directory of IF_CREDENTIAL_DIRS');
  }
  // Not blocking: opening a named pipe would else wait for ever for its writer.
  const file = await open(real, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined);
  if (file === undefined) throw unreadable(path, 'cannot be opened; check its permissions');
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw unreadable(path, 'is not a regular file');
    if (stat.size > MAX_BYTES) throw unreadable(path, 'is larger than 1 MiB');
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

async function resolved(path: string): Promise<string | undefined> {
  return realpath(path).catch(() => undefined);
}

async function isBelow(real: string, dirs: readonly string[]): Promise<boolean> {
  for (const dir of dirs) {
    const base = await resolved(dir);
    if (base !== undefined && real.startsWith(base.endsWith(sep) ? base : base + sep)) return true;
  }
  return false;
}

function unreadable(path: string, why: string): DomainError {
  return new DomainError({
    kind: 'InvalidInput',
    reason: 'CredentialUnreadable',
    message: `The credential file ${path} ${why}.`,
    fault: 'user',
    details: { outcome: 'notSent' },
  });
}
