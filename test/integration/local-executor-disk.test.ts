import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RecordingLogSink } from '@image-factory/test-support';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalExecutorHarness, NO_CREDENTIALS, untilOver } from './local-executor-harness.js';

const mayWrite = (): boolean => true;
/** Prints lines until the file that it writes to is full, and fails then, as a program does. */
const FILLS_ITS_LOG = `
  import { writeSync } from 'node:fs';
  const block = Buffer.alloc(65536, 'x');
  block[65535] = 10;
  for (let i = 0; i < 400; i++) {
    for (let at = 0; at < block.length; ) {
      try { at += writeSync(1, block, at); } catch { process.exit(5); }
    }
  }`;

/** A disk of its own that is small: needs the right to mount. */
describe.skipIf(process.getuid?.() !== 0 || process.platform !== 'linux')('a full disk', () => {
  let host: LocalExecutorHarness;

  beforeAll(async () => {
    host = await LocalExecutorHarness.start();
    await mkdir(host.options.workspaceDir, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', host.options.workspaceDir]);
  });

  afterAll(async () => {
    execFileSync('umount', ['--lazy', host.options.workspaceDir]);
    await host.close();
  });

  it('is named as the reason, the end is still written, and what was printed before is kept', async () => {
    const attempt = await host.attempt({ 'build.mjs': FILLS_ITS_LOG });
    const follower = host.follower();
    await follower.create(attempt, NO_CREDENTIALS, mayWrite);
    const sink = new RecordingLogSink();
    await follower.followLogs(attempt, sink, AbortSignal.timeout(40_000));
    expect((await untilOver(follower, attempt)).end).toMatchObject({
      outcome: 'failed',
      reason: 'HostDiskFull',
      fault: 'platform',
    });
    expect(sink.bytes('build/build').length).toBeGreaterThan(1_000_000);
    await follower.remove(attempt, mayWrite);
  });

  it('is no licence to remove what is mounted in a run: the mount goes, its content stays', async () => {
    const attempt = await host.attempt({ 'build.mjs': '' });
    const follower = host.follower();
    await follower.create(attempt, NO_CREDENTIALS, mayWrite);
    await untilOver(follower, attempt);
    const outside = join(host.directory, 'outside');
    await mkdir(outside);
    await writeFile(join(outside, 'precious'), 'kept');
    execFileSync('mount', ['--bind', outside, join(host.runDirectory(attempt), 'storage')]);
    await follower.remove(attempt, mayWrite);
    expect(await readFile(join(outside, 'precious'), 'utf8')).toBe('kept');
    expect(await follower.observe(attempt)).toEqual({ kind: 'absent' });
  });

  it('is no reason to begin: the create may be asked again later', async () => {
    await writeFile(join(host.options.workspaceDir, 'filler'), Buffer.alloc(8 * 1024 * 1024)).catch(() => undefined);
    const attempt = await host.attempt({ 'build.mjs': '' });
    const outcome = await host.follower().create(attempt, NO_CREDENTIALS, mayWrite);
    expect(outcome).toMatchObject({ kind: 'retryLater', reason: 'HostDiskFull' });
  });
});

describe('a log without end', () => {
  it('ends the build before it fills the disk of the host', async () => {
    const host = await LocalExecutorHarness.start({ logLimitBytes: 1024 * 1024 });
    const attempt = await host.attempt({ 'build.mjs': "setInterval(() => console.log('x'.repeat(100_000)), 1)" });
    const follower = host.follower();
    await follower.create(attempt, NO_CREDENTIALS, mayWrite);
    const { end } = await untilOver(follower, attempt);
    expect(end).toMatchObject({ outcome: 'failed', reason: 'ProcessFailed', fault: 'user' });
    expect(end?.message).toContain('larger than 1048576 bytes');
    await host.close();
  });
});
