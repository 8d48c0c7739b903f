import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually, GitHttpServer } from '@image-factory/test-support';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DispatcherHarness } from './dispatcher-harness.js';

const MAIN = fileURLToPath(new URL('../../apps/dispatcher/dist/main.js', import.meta.url));
const LEASE_MS = 2_000;

/** Stands for buildah: `build` runs the context's build.mjs, `push` writes a digest. */
const FAKE_BUILDAH = `#!/usr/bin/env node
const { writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');
const args = process.argv.slice(2);
const digest = 'sha256:' + 'd'.repeat(64);
if (args.includes('--version')) console.log('buildah version 9.9.9 (fake)');
else if (args.includes('images')) process.exit(1);
else if (args.includes('push')) {
  const target = args.at(-1);
  if (target.startsWith('oci:')) writeFileSync(join(target.slice(4), 'index.json'), JSON.stringify({ manifests: [{ digest }] }));
  writeFileSync(args[args.indexOf('--digestfile') + 1], digest);
} else if (args.includes('build')) import(pathToFileURL(join(args.at(-1), 'build.mjs')));
`;

/** Prints 300 numbered lines over about three seconds. */
const SLOW_BUILD = `
for (let line = 0; line < 300; line += 1) {
  console.log('line ' + line);
  await new Promise((resolve) => setTimeout(resolve, 10));
}`;

let harness: DispatcherHarness;
let git: GitHttpServer;
let bin: string;
let providerId: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  harness = await DispatcherHarness.open();
  git = await GitHttpServer.start();
  bin = join(harness.dataDir, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'buildah'), FAKE_BUILDAH);
  await chmod(join(bin, 'buildah'), 0o755);
  const [row] = await harness.database.query<{ id: string }>(
    `INSERT INTO providers (id, name, provider_type, health, tekton_answers, shard_count)
     VALUES (gen_random_uuid(), 'host', 'local', 'healthy', true, 1) RETURNING id`,
  );
  providerId = row!.id;
  await harness.database.query(
    `INSERT INTO provider_permissions (provider_id, tenant_id, granted_by) VALUES ($1, $2, 'test')`,
    [providerId, harness.tenantId],
  );
});
afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => end(child, 'SIGKILL')));
  await git.close();
  await harness.close();
});

/** A dispatcher process, as an operator starts it. */
function launch(environment: Record<string, string> = {}, ...argv: string[]): ChildProcess {
  const child = spawn(process.execPath, [MAIN, ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: `${bin}:${dirname(process.execPath)}:/usr/bin:/bin`,
      IF_DATABASE_URL: harness.test.url,
      IF_DATA_DIR: harness.dataDir,
      IF_ENCRYPTION_KEYS: harness.encryptionKeys.reveal(),
      IF_DISPATCHER_HTTP_PORT: '0',
      IF_DISPATCHER_LEASE_MS: String(LEASE_MS),
      IF_DISPATCHER_HEARTBEAT_MS: '300',
      IF_DISPATCHER_POLL_MS: '200',
      IF_LOCAL_HOST_ID: 'host-1',
      IF_RUN_RETENTION_SECONDS: '0',
      IF_EGRESS_ALLOW: '127.0.0.1',
      IF_LOGGER_LEVEL: 'info',
      ...environment,
    },
  });
  children.push(child);
  return child;
}

async function output(child: ChildProcess): Promise<string> {
  const parts: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data: Buffer) => parts.push(data));
  await new Promise<void>((resolve) => child.once('close', () => resolve()));
  return Buffer.concat(parts).toString();
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  child.kill(signal);
  return exited;
}

async function submitLocal(): Promise<string> {
  await git.commit('web', { Dockerfile: 'FROM scratch\n', 'build.mjs': SLOW_BUILD });
  return harness.submit({
    infrastructureType: 'local',
    buildMethod: 'docker',
    imageRepository: undefined,
    tags: [],
    gitRepositoryUrl: git.url('web'),
  });
}

describe('dispatcher processes', () => {
  beforeAll(() => {
    if (!existsSync(MAIN)) throw new Error('apps/dispatcher/dist/main.js is missing: build the packages first');
  });

  it('killed with SIGKILL while a build runs: another process goes on, and no byte of the log is lost', async () => {
    const first = launch();
    const buildId = await submitLocal();
    const execution = await harness.inState(buildId, 'running', 30_000);
    await eventually('its log is stored', async () => {
      return (await harness.storedLog(execution.id, 'build', 'build')).bytes.includes('line 20\n');
    });
    await end(first, 'SIGKILL');
    launch();
    await harness.reaches(buildId, 'completed', 40_000);
    const log = await harness.storedLog(execution.id, 'build', 'build');
    const lines = log.bytes
      .toString()
      .split('\n')
      .filter((line) => line.startsWith('line '));
    expect(lines).toEqual(Array.from({ length: 300 }, (_, line) => `line ${line}`));
    expect(log.gaps).toEqual([]);
    expect(await harness.executions(buildId)).toHaveLength(1);
  });

  it('told to stop end within 20 s with 0, and free their shards', async () => {
    const child = launch();
    const holdsShard = async (): Promise<boolean> => {
      const rows = await harness.database.query('SELECT 1 FROM cluster_shards WHERE owner IS NOT NULL');
      return rows.length > 0;
    };
    await eventually('it holds its shard', holdsShard, { deadlineMs: 40_000 });
    const began = performance.now();
    expect(await end(child, 'SIGTERM')).toBe(0);
    expect(performance.now() - began).toBeLessThan(20_000);
    expect(await harness.database.query('SELECT 1 FROM cluster_shards WHERE owner IS NOT NULL')).toEqual([]);
  });

  it('started with --once follow what they claim to its end and say how it went', async () => {
    const buildId = await submitLocal();
    const child = launch({}, '--once');
    const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
    expect(code).toBe(0);
    expect((await harness.build(buildId)).status).toBe('completed');
  });

  it('started with a wrong environment say every problem and end with 1', async () => {
    const child = launch({ IF_DISPATCHER_SLOTS: 'many', IF_DISPATCHER_LEASE_MS: '1' });
    const said = await output(child);
    expect(child.exitCode).toBe(1);
    expect(said).toContain('IF_DISPATCHER_SLOTS must be an integer');
    expect(said).toContain('IF_DISPATCHER_LEASE_MS must be an integer');
  });
});
