import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedDispatcher } from '@image-factory/api';
import { createSilentLogger } from '@image-factory/telemetry';
import { eventually } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** A child that notes its start, and its end by SIGTERM. */
const CHILD = `
  const { appendFileSync } = require('node:fs');
  const file = process.argv[1];
  appendFileSync(file, 'start ' + process.pid + '\\n');
  process.on('SIGTERM', () => { appendFileSync(file, 'term\\n'); process.exit(0); });
  setInterval(() => {}, 1000);
`;

describe('the embedded dispatcher', () => {
  let directory: string;
  let file: string;
  let dispatcher: EmbeddedDispatcher;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'if-embedded-'));
    file = join(directory, 'notes');
    dispatcher = new EmbeddedDispatcher({
      logger: createSilentLogger(),
      command: [process.execPath, '-e', CHILD, file],
      backOffMs: { first: 10, most: 50 },
    });
  });
  afterEach(async () => {
    await dispatcher.stop();
    await rm(directory, { recursive: true, force: true });
  });

  async function starts(): Promise<number[]> {
    const text = await readFile(file, 'utf8').catch(() => '');
    return [...text.matchAll(/^start (\d+)$/gm)].map((match) => Number(match[1]));
  }

  it('is a child process that is started again when it dies', async () => {
    dispatcher.start();
    const [first] = await eventually('the child runs', async () => (await starts()).length === 1 && starts());
    expect(dispatcher.pid).toBe(first);
    process.kill(first!, 'SIGKILL');
    const pids = await eventually('another child runs', async () => (await starts()).length === 2 && starts());
    expect(pids[1]).not.toBe(first);
  });

  it('is told to stop, and is not started again', async () => {
    dispatcher.start();
    await eventually('the child runs', async () => (await starts()).length === 1);
    await dispatcher.stop();
    expect(await readFile(file, 'utf8')).toContain('term');
    expect(dispatcher.pid).toBeUndefined();
    expect(await starts()).toHaveLength(1);
  });
});
