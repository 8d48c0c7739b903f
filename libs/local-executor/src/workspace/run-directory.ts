import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { logStepKey, type LogStep } from '@image-factory/domain';
import type { Ending, RunRecord, RunState, StopRecord, SupervisorRecord } from './run-state.js';
import { isErrno, writeAtomically, writeOnce } from './write-atomically.js';

/**
 * One run's directory, which holds all that is known of it:
 *
 * `document.json`, `run.json` (made with the directory, which appears as a whole), `supervisor.json` and `stop.json` (each
 * written once, whoever comes first), `lost.json` (written once, when the supervisor is found dead), `state.json` (the
 * supervisor's), `logs/<task>-<step>.log` (raw bytes, written by the children themselves) with `.times` beside them,
 * `home` (HOME of every child, and credentials while they are needed), `source`, `storage`, `tmp`.
 */
export class RunDirectory {
  /** Absolute. */
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  get home(): string {
    return join(this.path, 'home');
  }
  get source(): string {
    return join(this.path, 'source');
  }
  get storage(): string {
    return join(this.path, 'storage');
  }
  get temporary(): string {
    return join(this.path, 'tmp');
  }
  /** The one directory of a run outside its own, for builders that need a short path; removed with it. */
  get short(): string {
    return join('/tmp', basename(this.path));
  }

  file(name: string): string {
    return join(this.path, name);
  }

  logFile(step: Pick<LogStep, 'task' | 'step'>): string {
    return join(this.path, 'logs', `${logStepKey(step).replace('/', '-')}.log`);
  }

  timesFile(step: Pick<LogStep, 'task' | 'step'>): string {
    return this.logFile(step).replace(/\.log$/, '.times');
  }

  /** Makes the directory with everything in it, or returns false when it exists. */
  static async create(path: string, record: RunRecord, document: string): Promise<boolean> {
    const temporary = join(path, '..', `${UNFINISHED}${randomUUID()}`);
    try {
      for (const folder of ['logs', 'home', 'source', 'storage', 'tmp']) {
        await mkdir(join(temporary, folder), { recursive: true, mode: 0o700 });
      }
      await writeFile(join(temporary, 'document.json'), document, { mode: 0o600, flush: true });
      await writeFile(join(temporary, RUN_RECORD), JSON.stringify(record), { mode: 0o600, flush: true });
      await writeFile(join(temporary, 'reserve'), Buffer.alloc(RESERVE_BYTES, 1), { mode: 0o600 });
      await rename(temporary, path);
      return true;
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      if (isErrno(error, 'EEXIST', 'ENOTEMPTY')) return false;
      throw error;
    }
  }

  readDocument(): Promise<string> {
    return readFile(this.file('document.json'), 'utf8');
  }
  findRecord(): Promise<RunRecord | undefined> {
    return readJson<RunRecord>(this.file(RUN_RECORD));
  }
  findSupervisor(): Promise<SupervisorRecord | undefined> {
    return readJson<SupervisorRecord>(this.file('supervisor.json'));
  }
  findStop(): Promise<StopRecord | undefined> {
    return readJson<StopRecord>(this.file('stop.json'));
  }
  findState(): Promise<RunState | undefined> {
    return readJson<RunState>(this.file('state.json'));
  }
  findLoss(): Promise<{ readonly ending: Ending; readonly endedAt: string } | undefined> {
    return readJson(this.file('lost.json'));
  }

  /** False when another supervisor has the run already. */
  claim(record: SupervisorRecord): Promise<boolean> {
    return writeOnce(this.file('supervisor.json'), JSON.stringify(record));
  }
  /** False when a stop was asked for before; the first one stands. */
  requestStop(record: StopRecord): Promise<boolean> {
    return writeOnce(this.file('stop.json'), JSON.stringify(record));
  }
  recordLoss(ending: Ending, endedAt: Date): Promise<boolean> {
    return writeOnce(this.file('lost.json'), JSON.stringify({ ending, endedAt: endedAt.toISOString() }));
  }

  /** On a full disk the file that was kept in reserve makes room, so that the end of a run is never lost. */
  async writeState(state: RunState): Promise<void> {
    const text = JSON.stringify(state);
    try {
      await writeAtomically(this.file('state.json'), text);
    } catch (error) {
      if (!isErrno(error, 'ENOSPC', 'EDQUOT')) throw error;
      await rm(this.file('reserve'), { force: true });
      await writeAtomically(this.file('state.json'), text);
    }
  }

  /** Removes what credentials there are: called by the supervisor when it ends, and again before a terminal write. */
  async removeCredentials(): Promise<void> {
    for (const name of CREDENTIAL_FILES) await rm(join(this.home, name), { recursive: true, force: true });
  }

  /** Changes whenever anything that an observer would see has changed. */
  async fingerprint(): Promise<string> {
    const names = ['run.json', 'supervisor.json', 'state.json', 'lost.json'];
    const parts = await Promise.all(
      names.map((name) =>
        stat(this.file(name)).then(
          (found) => `${found.ino}:${found.mtimeMs}:${found.size}`,
          () => '-',
        ),
      ),
    );
    return parts.join(' ');
  }
}

/** The file that says that a run is here; it comes with the directory and goes last. */
export const RUN_RECORD = 'run.json';

/** Names of directories that are being made; one whose maker died stays. */
const UNFINISHED = '.new-';
const UNFINISHED_MS = 60 * 60 * 1000;

/** Removes what makers of directories left behind when they died. */
export async function purgeUnfinished(workspaceDir: string, now: Date): Promise<void> {
  for (const name of await readdir(workspaceDir).catch(() => [])) {
    if (!name.startsWith(UNFINISHED)) continue;
    const path = join(workspaceDir, name);
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined && now.getTime() - found.mtimeMs > UNFINISHED_MS)
      await rm(path, { recursive: true, force: true });
  }
}

const RESERVE_BYTES = 256 * 1024;

/** Below `home`; named here once, so that whoever writes one is sure that it is removed. */
export const CREDENTIAL_FILES = ['.git-credentials', 'git-ssh', 'registry-auth'] as const;

/** Names of the run directories below the workspace directory. */
export async function listRunNames(workspaceDir: string): Promise<string[]> {
  const entries = await readdir(workspaceDir, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory() && RUN_NAME.test(entry.name)).map((entry) => entry.name);
}

/** The domain's run names; nothing else is ever made a path. */
export const RUN_NAME = /^if-[a-z2-7]{20}-[0-9]{1,6}$/;

async function readJson<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}
