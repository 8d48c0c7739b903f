import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandPath } from './command.ts';
import type { Layout } from './layout.ts';
import { ClusterError, waitUntil } from './progress.ts';

/**
 * Daemons are plain processes of their own session, known by a record in `<data>/pids`.
 * A record names a process only while boot, start time and command line are the recorded ones: a
 * reused pid is never taken for ours and never signalled.
 */
export interface DaemonSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

interface DaemonRecord {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat: clock ticks between boot and the process's start. */
  readonly startTicks: string;
  readonly bootId: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface DaemonState {
  readonly name: string;
  readonly pid: number;
  readonly alive: boolean;
}

const currentBootId = () => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}

/** The fields of /proc/<pid>/stat after the parenthesised name: state first, start time is the 20th. */
function statFields(pid: number): string[] | undefined {
  const stat = readProc(pid, 'stat');
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/**
 * True while the process runs or waits. A zombie is dead: with a pid 1 that reaps late, signal 0
 * still reaches it for seconds.
 */
export function isRunning(pid: number): boolean {
  const state = statFields(pid)?.[0];
  return state !== undefined && 'RSDT'.includes(state);
}

const recordPath = (layout: Layout, name: string) => join(layout.pidDir, `${name}.json`);

/** Path of a daemon's log. */
export function daemonLog(layout: Layout, name: string): string {
  return join(layout.logDir, `${name}.log`);
}

function readRecord(layout: Layout, name: string): DaemonRecord | undefined {
  try {
    return JSON.parse(readFileSync(recordPath(layout, name), 'utf8')) as DaemonRecord;
  } catch {
    return undefined;
  }
}

function isOurs(record: DaemonRecord): boolean {
  return (
    record.bootId === currentBootId() &&
    isRunning(record.pid) &&
    statFields(record.pid)?.[19] === record.startTicks &&
    readProc(record.pid, 'cmdline') === record.argv.map((argument) => `${argument}\0`).join('')
  );
}

/** The daemons that were started and not stopped, in alphabetical order. */
export function listDaemons(layout: Layout): DaemonState[] {
  let names: string[];
  try {
    names = readdirSync(layout.pidDir).filter((file) => file.endsWith('.json'));
  } catch {
    return [];
  }
  return names.sort().flatMap((file) => {
    const name = file.slice(0, -'.json'.length);
    const record = readRecord(layout, name);
    return record ? [{ name, pid: record.pid, alive: isOurs(record) }] : [];
  });
}

/** True when the named daemon runs. */
export function isDaemonAlive(layout: Layout, name: string): boolean {
  const record = readRecord(layout, name);
  return record !== undefined && isOurs(record);
}

/**
 * Makes sure that the daemon runs with exactly this command line and environment: leaves it alone
 * when it does, replaces it when it runs with others. Returns whether it was started now.
 */
export async function ensureDaemon(layout: Layout, spec: DaemonSpec): Promise<boolean> {
  const argv = [spec.command, ...spec.args];
  const env = spec.env ?? {};
  const record = readRecord(layout, spec.name);
  if (record && isOurs(record)) {
    if (JSON.stringify([record.argv, record.env]) === JSON.stringify([argv, env])) return false;
    await stopDaemon(layout, spec.name, 'SIGTERM');
  }
  mkdirSync(layout.logDir, { recursive: true });
  mkdirSync(layout.pidDir, { recursive: true });
  const log = openSync(daemonLog(layout, spec.name), 'a');
  const child = spawn(spec.command, spec.args, {
    cwd: layout.dataDir,
    detached: true,
    env: { HOME: '/root', PATH: commandPath, LC_ALL: 'C', ...env },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const spawnError = new Promise<never>((_, reject) => child.once('error', reject));
  const pid = await Promise.race([Promise.resolve(child.pid), spawnError]);
  const startTicks = pid === undefined ? undefined : statFields(pid)?.[19];
  if (pid === undefined || startTicks === undefined) {
    throw new ClusterError(`${spec.name} could not be started.`, 'Read its log.', daemonLog(layout, spec.name));
  }
  const started: DaemonRecord = { pid, startTicks, bootId: currentBootId(), argv, env };
  writeFileSync(recordPath(layout, spec.name), JSON.stringify(started, undefined, 1));
  child.unref();
  return true;
}

/** Throws, naming the log, when the daemon has ended. */
export function assertDaemonAlive(layout: Layout, name: string): void {
  if (!isDaemonAlive(layout, name)) {
    throw new ClusterError(`${name} ended right after its start.`, 'Read its log.', daemonLog(layout, name));
  }
}

/** Stops one daemon, by SIGKILL when 10 s of `signal` were not enough, and forgets it. Returns whether it ran. */
export async function stopDaemon(layout: Layout, name: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<boolean> {
  const record = readRecord(layout, name);
  const ran = record !== undefined && isOurs(record);
  if (ran) {
    process.kill(record.pid, signal);
    const gone = async () => !isOurs(record);
    await waitUntil(gone, { what: `End of ${name}`, timeoutMs: 10_000, intervalMs: 20 }).catch(() => {
      if (isOurs(record)) process.kill(record.pid, 'SIGKILL');
    });
  }
  rmSync(recordPath(layout, name), { force: true });
  return ran;
}
