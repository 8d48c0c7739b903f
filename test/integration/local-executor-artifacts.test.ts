import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LocalBuildExecutor } from '@image-factory/local-executor';
import { eventually, FakeClock } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LocalExecutorHarness } from './local-executor-harness.js';

const OLD = '01900000-0000-7000-8000-000000000001';
const NEW = '01900000-0000-7000-8000-000000000002';
const DAY_MS = 86_400_000;

describe('images that were pushed nowhere', () => {
  let host: LocalExecutorHarness;
  beforeEach(async () => {
    host = await LocalExecutorHarness.start();
  });
  afterEach(() => host.close());

  it('are removed from the host when they are older than it keeps them, and nothing else is', async () => {
    const folder = join(host.options.workspaceDir, 'artifacts');
    const clock = new FakeClock(new Date());
    for (const name of [OLD, NEW, 'notes']) {
      await mkdir(join(folder, name), { recursive: true });
      await writeFile(join(folder, name, 'index.json'), '{}');
    }
    const longAgo = new Date(clock.now().getTime() - 8 * DAY_MS);
    for (const name of [OLD, 'notes']) await utimes(join(folder, name), longAgo, longAgo);
    const executor = new LocalBuildExecutor({ ...host.options, clock, artifactKeepMs: 7 * DAY_MS });
    host.follower(executor);
    await eventually('it waits for its next look', () => clock.sleeping > 0);
    expect(await readdir(folder)).toContain(OLD);
    await clock.advance(2 * 60 * 60 * 1000);
    await eventually('the old one is gone', async () => !(await readdir(folder)).includes(OLD));
    expect((await readdir(folder)).sort()).toEqual([NEW, 'notes']);
  });
});
