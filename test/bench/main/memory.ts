import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MIB = 2 ** 20;

export interface MemoryUse {
  /** As the kernel counts it, before any garbage is collected for the measurement. */
  readonly residentMib: number;
  /** The most that was ever resident. */
  readonly peakMib: number;
  /** Live objects: the heap after a full collection. */
  readonly heapMib: number;
  /** Buffers and other memory outside the heap, after the same collection. */
  readonly externalMib: number;
}

export async function residentMib(pid: number, field: 'VmRSS' | 'VmHWM' = 'VmRSS'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN) / 1024;
}

/** Node options under which {@link memoryUse} can ask a process. */
export const PROBE_NODE_OPTIONS = `--expose-gc --import ${new URL('memory-probe.ts', import.meta.url).href}`;

export async function memoryUse(pid: number): Promise<MemoryUse> {
  const resident = await residentMib(pid);
  const peak = await residentMib(pid, 'VmHWM');
  const file = probeFile(pid);
  await rm(file, { force: true });
  process.kill(pid, 'SIGUSR2');
  const deadline = performance.now() + 30_000;
  for (;;) {
    const text = await readFile(file, 'utf8').catch(() => undefined);
    if (text !== undefined) {
      await rm(file, { force: true });
      const usage = JSON.parse(text) as NodeJS.MemoryUsage;
      return { residentMib: resident, peakMib: peak, heapMib: usage.heapUsed / MIB, externalMib: usage.external / MIB };
    }
    if (performance.now() > deadline) throw new Error(`process ${pid} did not tell its memory`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export function probeFile(pid: number): string {
  return join(tmpdir(), `image-factory-bench-memory-${pid}.json`);
}
