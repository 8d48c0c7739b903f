import { mkdtemp, realpath, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readPackerManifest } from './read-packer-manifest.js';

let source: string;
let file: string;

beforeEach(async () => {
  source = await realpath(await mkdtemp(join(tmpdir(), 'if-manifest-')));
  file = join(source, 'packer-manifest.json');
});
afterEach(() => rm(source, { recursive: true }));

function read(): Promise<string | undefined> {
  return readPackerManifest(source, source);
}

const BUILD = {
  name: 'image',
  builder_type: 'file',
  artifact_id: 'File',
  files: [{ name: 'out/a.txt', size: 26 }],
  packer_run_uuid: 'now',
};

describe('the manifest of packer', () => {
  it('has the form of the Task, with the artifacts of the last run', async () => {
    const builds = [{ ...BUILD, name: 'old', packer_run_uuid: 'before' }, BUILD];
    await writeFile(file, JSON.stringify({ builds, last_run_uuid: 'now' }));
    expect(JSON.parse((await read()) ?? '')).toEqual({
      artifacts: [{ build: 'image', builderId: 'file', id: 'File', files: [{ name: 'out/a.txt', bytes: 26 }] }],
    });
  });

  it('is none without a file, or with one that is no manifest', async () => {
    expect(await read()).toBeUndefined();
    await writeFile(file, 'not JSON');
    expect(await read()).toBeUndefined();
  });

  it('is never read through a link out of the repository, nor from a device', async () => {
    const outside = `${source}-outside.json`;
    await writeFile(outside, JSON.stringify({ builds: [BUILD], last_run_uuid: 'now' }));
    for (const target of [outside, '/dev/zero']) {
      await symlink(target, file);
      expect(await read()).toBeUndefined();
      await rm(file);
    }
    await rm(outside);
  });

  it('is not read when it is large, and says so when it would be', async () => {
    await writeFile(file, '');
    await truncate(file, 8 * 1024 * 1024 * 1024);
    expect(await read()).toBeUndefined();
    const files = Array.from({ length: 5000 }, (_none, index) => ({ name: `out/${index}`, size: 1 }));
    await writeFile(file, JSON.stringify({ builds: [{ ...BUILD, files }], last_run_uuid: 'now' }));
    expect(await read()).toBe('{"artifacts":[],"truncated":true}');
  });
});
