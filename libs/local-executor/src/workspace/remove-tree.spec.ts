import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { removeTree } from './remove-tree.js';
import { purgeUnfinished } from './run-directory.js';

/** The names in a directory, none when it was removed, which may happen at any moment here. */
function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

describe('removing a run', () => {
  it('takes away last what says that the run is here, so that one that is cut off is found again', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'if-remove-'));
    await mkdir(join(directory, 'storage'));
    for (let index = 0; index < 300; index += 1) await writeFile(join(directory, 'storage', String(index)), '');
    await writeFile(join(directory, 'run.json'), '{}');
    const seen: string[][] = [];
    const removed = removeTree(directory, { unshareWith: undefined, path: '', last: 'run.json' }).then(() => true);
    while (!(await Promise.race([removed, turn(false)]))) seen.push(namesIn(directory));
    expect(seen.some((names) => names.includes('run.json'))).toBe(true);
    expect(seen.filter((names) => names.length > 0 && !names.includes('run.json'))).toEqual([]);
    expect(existsSync(directory)).toBe(false);
  });
});

describe('what a dead maker of directories left', () => {
  it('is removed after an hour, and nothing else is', async () => {
    const workspace = await mkdtemp(join(tmpdir(), 'if-purge-'));
    const now = new Date('2026-11-21T12:00:00Z');
    const ages = { '.new-old': 61, '.new-fresh': 5, 'if-run': 600 };
    for (const [name, minutes] of Object.entries(ages)) {
      await mkdir(join(workspace, name));
      const at = new Date(now.getTime() - minutes * 60_000);
      await utimes(join(workspace, name), at, at);
    }
    await purgeUnfinished(workspace, now);
    expect(readdirSync(workspace).sort()).toEqual(['.new-fresh', 'if-run']);
    await rm(workspace, { recursive: true });
  });
});
