import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const FOLDER = '.closed';
const KEEP_MS = 30 * 24 * 60 * 60 * 1000;

/**
 * Marks of attempts that are over for good on this host. They outlive the runs' directories, so that a dispatcher that
 * wakes late cannot start the same attempt a second time (correctness rule 3).
 */
export class ClosedMarks {
  readonly #folder: string;

  constructor(workspaceDir: string) {
    this.#folder = join(workspaceDir, FOLDER);
  }

  path(runName: string): string {
    return join(this.#folder, runName);
  }

  async add(runName: string): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await writeFile(this.path(runName), 'closed\n', { mode: 0o600 });
  }

  async has(runName: string): Promise<boolean> {
    return await stat(this.path(runName)).then(
      () => true,
      () => false,
    );
  }

  /** Forgets marks older than thirty days: no dispatcher sleeps that long with its lease. */
  async purge(now: Date): Promise<void> {
    const names = await readdir(this.#folder).catch(() => []);
    for (const name of names) {
      const found = await stat(this.path(name)).catch(() => undefined);
      if (found !== undefined && now.getTime() - found.mtimeMs > KEEP_MS) await rm(this.path(name), { force: true });
    }
  }
}
