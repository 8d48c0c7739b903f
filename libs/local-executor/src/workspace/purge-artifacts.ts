import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Folder of the workspace with an OCI layout for each execution that pushed nowhere. */
export const ARTIFACTS_FOLDER = 'artifacts';

const EXECUTION_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Removes layouts that were written longer ago than `keepMs`. Only directories with an execution's id for a name: what
 * else somebody keeps there stays.
 * @returns how many were removed
 */
export async function purgeArtifacts(workspaceDir: string, keepMs: number, now: Date): Promise<number> {
  const folder = join(workspaceDir, ARTIFACTS_FOLDER);
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  let removed = 0;
  for (const entry of entries) {
    if (!entry.isDirectory() || !EXECUTION_ID.test(entry.name)) continue;
    const path = join(folder, entry.name);
    const found = await stat(path).catch(() => undefined);
    if (found === undefined || now.getTime() - found.mtimeMs <= keepMs) continue;
    await rm(path, { recursive: true, force: true });
    removed += 1;
  }
  return removed;
}
