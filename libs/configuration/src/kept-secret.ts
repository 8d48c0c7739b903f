import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Secret } from '@image-factory/domain';

/**
 * The secret kept in a file of the data directory, made on first use. The file appears whole and only once (a hard link
 * of a complete file), so that two processes that start together keep the same one. Mode 0600.
 */
export async function keptSecret(dataDir: string, name: string, generate: () => string): Promise<Secret> {
  const path = join(dataDir, name);
  return (await readIfThere(path)) ?? (await make(path, generate()));
}

async function make(path: string, text: string): Promise<Secret> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, `${text}\n`, { mode: 0o600, flag: 'wx' });
  try {
    await link(draft, path);
  } catch (error) {
    if (!isErrorCode(error, 'EEXIST')) throw error;
  } finally {
    await unlink(draft);
  }
  return new Secret((await readFile(path, 'utf8')).trim());
}

async function readIfThere(path: string): Promise<Secret | undefined> {
  try {
    return new Secret((await readFile(path, 'utf8')).trim());
  } catch (error) {
    if (isErrorCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function isErrorCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
