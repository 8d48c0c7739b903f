import { readdir, readFile } from 'node:fs/promises';

/** Clock ticks of a second in /proc, the same on every Linux. */
const TICKS_PER_SECOND = 100;

interface ProcessTimes {
  readonly parent: number;
  /** Of the process, and of its children that have ended and were waited for. */
  readonly ms: number;
}

/** Processor time that a process has used, in milliseconds; 0 when there is none of that id. */
export async function cpuMs(pid: number): Promise<number> {
  return (await timesOf(pid))?.ms ?? 0;
}

/** The same of a process and of its living children, as a PostgreSQL server with its backends is. */
export async function familyCpuMs(pid: number): Promise<number> {
  let sumMs = await cpuMs(pid);
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const times = await timesOf(Number(name));
    if (times?.parent === pid) sumMs += times.ms;
  }
  return sumMs;
}

/** The process that has started this one; 0 when there is none of that id. */
export async function parentOf(pid: number): Promise<number> {
  return (await timesOf(pid))?.parent ?? 0;
}

async function timesOf(pid: number): Promise<ProcessTimes | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  // The name in brackets may hold spaces: fields are counted from behind it, the state being the third of all.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0);
  return { parent: Number(fields[1]), ms: (1000 * ticks) / TICKS_PER_SECOND };
}
