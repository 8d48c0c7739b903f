import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Layout } from './layout.ts';
import { isRunning } from './processes.ts';
import { ClusterError } from './progress.ts';

/**
 * Runs `work` while no other `up` or `down` runs on this machine: bridge, ports and caches exist
 * once. The lock of a process that has ended is taken over.
 */
export async function withLock<T>(layout: Layout, work: () => Promise<T>): Promise<T> {
  const file = join(layout.cacheDir, 'lock');
  mkdirSync(layout.cacheDir, { recursive: true });
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
  } catch {
    const owner = Number(readFileSync(file, 'utf8'));
    if (owner > 0 && isRunning(owner) && readFileSync(`/proc/${owner}/cmdline`, 'utf8').includes('cluster.ts')) {
      throw new ClusterError(`Process ${owner} is starting or stopping the cluster.`, 'Wait for it, or end it.');
    }
    writeFileSync(file, String(process.pid));
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}
