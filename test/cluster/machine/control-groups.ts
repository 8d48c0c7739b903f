import { existsSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { isSecond, secondNetwork } from './layout.ts';

/** The control group below which kubelet makes its own: two kubelets on one machine must not share one. */
export const controlGroupRoot = isSecond ? `/${secondNetwork.namespace}` : '/';

const mountPoint = '/sys/fs/cgroup';

/** The unified hierarchy, and each of those of version 1. */
function hierarchies(): string[] {
  const directories = readdirSync(mountPoint, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const isUnified = existsSync(join(mountPoint, 'cgroup.controllers'));
  return isUnified ? [mountPoint] : directories.map((entry) => join(mountPoint, entry.name));
}

/** kubelet makes no root of its own. */
export function ensureControlGroupRoot(): void {
  for (const hierarchy of hierarchies()) mkdirSync(join(hierarchy, controlGroupRoot), { recursive: true });
}

/** Removes kubelet's control groups, the innermost first. One that is still in use refuses (EBUSY) and stays. */
export function removeControlGroups(): void {
  const removeTree = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isDirectory()) removeTree(join(directory, entry.name));
    }
    try {
      rmdirSync(directory);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
    }
  };
  const ours = isSecond ? controlGroupRoot : 'kubepods';
  for (const directory of hierarchies().map((hierarchy) => join(hierarchy, ours))) {
    if (existsSync(directory)) removeTree(directory);
  }
}
