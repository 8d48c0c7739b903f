import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Clock, Secret } from '@image-factory/domain';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readCredentialFile } from './credential-file.js';
import { CREDENTIAL_FILE_REFRESH_MS, CredentialReader } from './credential-reader.js';

class StillClock extends Clock {
  ms = 0;
  now(): Date {
    return new Date(this.ms);
  }
  monotonicMs(): number {
    return this.ms;
  }
  sleep(): Promise<void> {
    return Promise.resolve();
  }
}

let root: string;
let allowed: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'credential-'));
  allowed = join(root, 'allowed');
  await mkdir(allowed);
});

afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

describe('a credential file', () => {
  const read = (path: string, anyPath = false): Promise<string> =>
    readCredentialFile(path, { allowedDirs: [allowed], anyPath });

  it('is read below an allowed directory, also through links inside it, as kubelet projects tokens', async () => {
    await mkdir(join(allowed, '..data'));
    await writeFile(join(allowed, '..data', 'token'), 'abc');
    await symlink(join('..data', 'token'), join(allowed, 'token'));
    expect(await read(join(allowed, 'token'))).toBe('abc');
  });

  it('is refused outside, also through a link, a neighbour with the same beginning, or dots', async () => {
    await writeFile(join(root, 'secret'), 'abc');
    await symlink(join(root, 'secret'), join(allowed, 'link'));
    await mkdir(`${allowed}-not`);
    await writeFile(join(`${allowed}-not`, 'token'), 'abc');
    for (const path of [
      join(root, 'secret'),
      join(allowed, 'link'),
      join(`${allowed}-not`, 'token'),
      `${allowed}/../secret`,
    ]) {
      await expect(read(path)).rejects.toMatchObject({ reason: 'CredentialUnreadable' });
      expect(await read(path, true)).toBe('abc');
    }
  });

  it('is refused when it is relative, missing, a directory, a device, a pipe or too large', async () => {
    execFileSync('mkfifo', [join(allowed, 'pipe')]);
    await writeFile(join(allowed, 'large'), 'x'.repeat(1024 * 1024 + 1));
    for (const path of [
      'token',
      join(allowed, 'none'),
      join(allowed, '.'),
      '/dev/zero',
      join(allowed, 'pipe'),
      join(allowed, 'large'),
      `${allowed}/a\0b`,
    ]) {
      await expect(read(path, true)).rejects.toMatchObject({ kind: 'InvalidInput', reason: 'CredentialUnreadable' });
    }
  });
});

describe('a credential reader', () => {
  const reader = (clock: Clock, path: string): CredentialReader =>
    new CredentialReader({ kind: 'file', path }, { allowedDirs: [allowed], anyPath: false }, clock);

  it('reads a file again when its time is over, and keeps the last text while that fails', async () => {
    const clock = new StillClock();
    const path = join(allowed, 'token');
    await writeFile(path, 'one');
    const tokens = reader(clock, path);
    expect(await tokens.read()).toBe('one');
    await writeFile(path, 'two');
    expect(await tokens.read()).toBe('one');
    clock.ms += CREDENTIAL_FILE_REFRESH_MS;
    expect(await tokens.read()).toBe('two');
    await rm(path);
    clock.ms += CREDENTIAL_FILE_REFRESH_MS;
    expect(await tokens.read()).toBe('two');
  });

  it('says after a refusal whether there is another text', async () => {
    const path = join(allowed, 'token');
    await writeFile(path, 'one');
    const tokens = reader(new StillClock(), path);
    await tokens.read();
    expect(await tokens.invalidate('one')).toBe(false);
    await writeFile(path, 'two');
    expect(await tokens.invalidate('one')).toBe(true);
    expect(await tokens.read()).toBe('two');
    const value = new CredentialReader(
      { kind: 'value', value: new Secret('x') },
      { allowedDirs: [], anyPath: false },
      new StillClock(),
    );
    expect(await value.invalidate('x')).toBe(false);
  });

  it('fails when the file was never readable', async () => {
    const path = join(allowed, 'token');
    await expect(reader(new StillClock(), path).read()).rejects.toMatchObject({ reason: 'CredentialUnreadable' });
    await writeFile(path, 'x');
    await chmod(path, 0o600);
    expect(await reader(new StillClock(), path).read()).toBe('x');
  });
});
