import { readdir, readFile, readlink } from 'node:fs/promises';
import { execa } from 'execa';

/** One process of this machine. */
export interface ProcessEntry {
  readonly pid: number;
  readonly parentPid: number;
  readonly groupId: number;
  readonly sessionId: number;
  /** Opaque; the same pid with another start is another process. */
  readonly start: string;
}

/** Names a process for ever: a pid is reused, and everything is after a reboot. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly start: string;
  readonly bootId: string;
}

const ON_LINUX = process.platform === 'linux';

/** Every live process (zombies are dead). Reads /proc on Linux, asks `ps` elsewhere. */
export async function listProcesses(): Promise<ProcessEntry[]> {
  if (!ON_LINUX) return await listWithPs();
  const names = (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name));
  const entries = await Promise.all(names.map((name) => readEntry(Number(name))));
  return entries.filter((entry) => entry !== undefined);
}

/** Identity of a live process; undefined when there is none. */
export async function identifyProcess(pid: number): Promise<ProcessIdentity | undefined> {
  const entry = ON_LINUX ? await readEntry(pid) : (await listWithPs()).find((candidate) => candidate.pid === pid);
  return entry === undefined ? undefined : { pid, start: entry.start, bootId: await readBootId() };
}

/** True while exactly that process lives. */
export async function isProcessAlive(identity: ProcessIdentity): Promise<boolean> {
  const found = await identifyProcess(identity.pid);
  return found?.start === identity.start && found.bootId === identity.bootId;
}

/**
 * True when a process carries `NAME=value` in its environment or has its root directory inside `directory`, as builders
 * that use chroot have. False when that cannot be read.
 */
export async function bearsMark(pid: number, mark: string, directory: string): Promise<boolean> {
  if (!ON_LINUX) return false;
  const [environment, root] = await Promise.all([
    readFile(`/proc/${pid}/environ`, 'latin1').catch(() => ''),
    readlink(`/proc/${pid}/root`).catch(() => ''),
  ]);
  return environment.split('\0').includes(mark) || root.startsWith(`${directory}/`);
}

async function readEntry(pid: number): Promise<ProcessEntry | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined);
  if (stat === undefined) return undefined;
  // The command name, in parentheses, may hold anything: fields count from the last one that closes.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, parent, group, session] = fields;
  if (state === undefined || 'ZXx'.includes(state)) return undefined;
  return {
    pid,
    parentPid: Number(parent),
    groupId: Number(group),
    sessionId: Number(session),
    start: fields[19] ?? '',
  };
}

let bootId: Promise<string> | undefined;

/** Changes with every start of the machine. */
export async function readBootId(): Promise<string> {
  bootId ??= readFile('/proc/sys/kernel/random/boot_id', 'utf8').then(
    (text) => text.trim(),
    () => 'unknown',
  );
  return await bootId;
}

async function listWithPs(): Promise<ProcessEntry[]> {
  const { stdout } = await execa('ps', ['-A', '-o', 'pid=,ppid=,pgid=,stat=,lstart='], {
    reject: false,
    timeout: 10_000,
  });
  return stdout.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.+?)\s*$/.exec(line);
    if (match === null || match[4]?.startsWith('Z') === true) return [];
    const groupId = Number(match[3]);
    return [{ pid: Number(match[1]), parentPid: Number(match[2]), groupId, sessionId: groupId, start: match[5] ?? '' }];
  });
}
