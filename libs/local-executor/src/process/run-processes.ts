import { bearsMark, listProcesses, readBootId, type ProcessEntry, type ProcessIdentity } from './process-table.js';

/** How the processes of one run are known among all others. */
export interface RunMark {
  /** The steps' first processes, each the leader of its own group and session; they may be gone. */
  readonly leaders: readonly ProcessIdentity[];
  /** `NAME=value` that every step has in its environment. */
  readonly environment: string;
  /** Directory of the run; absolute. */
  readonly directory: string;
  /** Never counted and never signalled: ourselves, and the supervisor. */
  readonly except: readonly number[];
}

/** Name of the environment variable that marks every process of a run. */
export const RUN_MARK_VARIABLE = 'IMAGE_FACTORY_RUN';

/**
 * All live processes of a run: the groups and sessions of its steps, their descendants, and whatever carries the mark
 * (processes that made a session of their own and lost their parent still do).
 */
export async function findRunProcesses(mark: RunMark): Promise<ProcessEntry[]> {
  const entries = (await listProcesses()).filter((entry) => !mark.except.includes(entry.pid) && entry.pid > 1);
  const leaders = await ownLeaders(mark.leaders, entries);
  const members = new Set<number>();
  await Promise.all(
    entries.map(async (entry) => {
      const { pid, groupId, sessionId } = entry;
      const led = leaders.has(pid) || leaders.has(groupId) || leaders.has(sessionId);
      if (led || (await bearsMark(pid, mark.environment, mark.directory))) members.add(pid);
    }),
  );
  for (let grown = true; grown;) {
    grown = false;
    for (const entry of entries) {
      if (members.has(entry.parentPid) && !members.has(entry.pid)) {
        members.add(entry.pid);
        grown = true;
      }
    }
  }
  return entries.filter((entry) => members.has(entry.pid));
}

/**
 * Pids that still mean what they meant: after a reboot none does, and one that is now another process has been reused. (A
 * pid is not given away again while a group or session of that number lives.)
 */
async function ownLeaders(leaders: readonly ProcessIdentity[], entries: readonly ProcessEntry[]): Promise<Set<number>> {
  const bootId = await readBootId();
  const starts = new Map(entries.map((entry) => [entry.pid, entry.start]));
  const own = leaders.filter(
    ({ pid, start, bootId: leaderBootId }) => leaderBootId === bootId && (starts.get(pid) ?? start) === start,
  );
  return new Set(own.map(({ pid }) => pid));
}

export interface KillOptions {
  /** Milliseconds between TERM and KILL; 0 sends KILL at once. */
  readonly graceMs: number;
  /** Milliseconds after the first KILL before giving up. */
  readonly giveUpMs: number;
  readonly wait: (ms: number) => Promise<void>;
}

const POLL_MS = 50;

/** Ends a run's processes: TERM, a grace period, then KILL until none lives. Returns whether none does. */
export async function endRunProcesses(mark: RunMark, options: KillOptions): Promise<boolean> {
  let waitedMs = 0;
  let members = await findRunProcesses(mark);
  if (options.graceMs > 0) {
    for (const member of members) signal(member.pid, 'SIGTERM');
    while (members.length > 0 && waitedMs < options.graceMs) {
      await options.wait(POLL_MS);
      waitedMs += POLL_MS;
      members = await findRunProcesses(mark);
    }
  }
  for (waitedMs = 0; members.length > 0 && waitedMs <= options.giveUpMs; waitedMs += POLL_MS) {
    for (const member of members) signal(member.pid, 'SIGKILL');
    await options.wait(POLL_MS);
    members = await findRunProcesses(mark);
  }
  return members.length === 0;
}

function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended in the meantime.
  }
}
