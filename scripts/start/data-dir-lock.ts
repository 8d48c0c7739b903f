import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from './failure.ts';

function isOurCommand(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 1) return false;
  try {
    return /\bscripts\/(start|quickstart|db-migrate)/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
  } catch {
    // Without /proc (macOS) a living process is all that can be asked for.
  }
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Takes the data directory for this process until it exits: two databases may not run on one directory. The lock of a
 * command that was killed is taken over. Returns how to give it back.
 * @throws Failure naming the process that has it
 */
export function lockDataDir(dataDir: string): () => void {
  const file = join(dataDir, 'command.pid');
  const own = `${file}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  try {
    for (;;) {
      try {
        linkSync(own, file);
        return () => rmSync(file, { force: true });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const owner = Number(readFileSync(file, 'utf8'));
      if (isOurCommand(owner)) {
        throw new Failure(
          `Process ${owner} already runs on the data directory ${dataDir}.`,
          'Stop it (Ctrl-C there), or give this one a directory of its own in IF_DATA_DIR.',
        );
      }
      renameSync(file, `${own}.dead`);
      rmSync(`${own}.dead`, { force: true });
    }
  } finally {
    rmSync(own, { force: true });
  }
}
