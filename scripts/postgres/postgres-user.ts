import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join, parse } from 'node:path';

/** Who runs the server: PostgreSQL refuses root, and everybody else runs it as themselves. */
export interface PostgresUser {
  readonly uid: number;
  readonly gid: number;
}

const FOREIGN_FOLDER = '/var/tmp/image-factory';

/** The user to run the server as: undefined for oneself; for root `postgres` when the system has it, else `nobody`. */
export function postgresUser(passwd: string = readFileSync('/etc/passwd', 'utf8')): PostgresUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    const fields = passwd
      .split('\n')
      .find((line) => line.startsWith(`${name}:`))
      ?.split(':');
    if (fields !== undefined) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  return undefined;
}

/** True when the user may pass through every folder above a path. */
function mayReach(path: string, user: PostgresUser): boolean {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const { mode, uid } = statSync(folder);
    if ((mode & 0o001) === 0 && !(uid === user.uid && (mode & 0o100) !== 0)) return false;
    if (folder === parse(folder).root) return true;
  }
}

/** A folder of ours outside of the data directory through which every user may pass, whatever the umask. */
function openFolder(name = ''): string {
  const folder = join(FOREIGN_FOLDER, name);
  mkdirSync(folder, { recursive: true });
  for (const path of [FOREIGN_FOLDER, folder]) chmodSync(path, 0o755);
  return folder;
}

/**
 * The server's program folder as its user can reach it: the package's own, or a copy outside of a closed home directory
 * (a checkout below /root is closed to everybody but root).
 */
export function reachableBinaries(native: string, version: string, user: PostgresUser | undefined): string {
  if (user === undefined || mayReach(join(native, 'bin', 'postgres'), user)) return native;
  const copy = join(openFolder(), `postgresql-${version}`);
  if (!existsSync(copy)) {
    const staging = `${copy}.${process.pid}`;
    cpSync(native, staging, { recursive: true, verbatimSymlinks: true });
    try {
      renameSync(staging, copy);
    } catch (error) {
      rmSync(staging, { recursive: true, force: true });
      if (!existsSync(copy)) throw error;
    }
  }
  return copy;
}

/** The database's folder: below the data directory, or outside when the server's user could not reach it there. */
export function databaseFolder(dataDir: string, user: PostgresUser | undefined): string {
  const inside = join(dataDir, 'postgres');
  if (user === undefined) {
    mkdirSync(inside, { recursive: true, mode: 0o700 });
    return inside;
  }
  const folder = mayReach(inside, user) ? inside : join(openFolder('data'), dataDir.replaceAll(/[^A-Za-z0-9]+/g, '-'));
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chownSync(folder, user.uid, user.gid);
  return folder;
}
