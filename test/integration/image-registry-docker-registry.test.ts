import { Secret } from '@image-factory/domain';
import { EgressPolicy } from '@image-factory/egress';
import { digestOf, ImageRegistryClient } from '@image-factory/image-registry';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const BINARY = '/usr/bin/docker-registry';

/** The same client against the reference implementation, where the machine has it (Debian: docker-registry). */
describe.skipIf(!existsSync(BINARY))('against docker-registry', () => {
  let directory: string;
  let host: string;
  let server: ChildProcess;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'if-registry-'));
    host = `127.0.0.1:${await freePort()}`;
    const config = [
      'version: 0.1',
      'log: {level: error}',
      `storage: {filesystem: {rootdirectory: ${directory}/data}}`,
      `http: {addr: "${host}"}`,
    ];
    await writeFile(join(directory, 'config.yml'), `${config.join('\n')}\n`);
    server = spawn(BINARY, ['serve', join(directory, 'config.yml')], { stdio: 'ignore' });
    await until(async () => (await fetch(`http://${host}/v2/`)).ok);
  });

  afterAll(async () => {
    server.kill();
    await rm(directory, { recursive: true, force: true });
  });

  it('promotes an image from its attempt tag to the user’s tags', async () => {
    const client = new ImageRegistryClient({ egress: new EgressPolicy({ allow: [host] }), insecureRegistries: [host] });
    const access = { repository: `${host}/team/app`, dockerConfigJson: new Secret('{"auths":{}}') };
    const config = await upload(
      host,
      Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'),
    );
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    const document = {
      schemaVersion: 2,
      mediaType,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
      layers: [],
    };
    const bytes = Buffer.from(JSON.stringify(document));
    await client.putManifest(access, 'if-b-1', { digest: digestOf(bytes), mediaType, bytes });
    await client.promote({ ...access, source: 'if-b-1', tags: ['1.0', 'latest'] });
    expect(await client.findManifest(access, 'latest')).toMatchObject({ digest: digestOf(bytes), mediaType });
    expect(await client.findManifest(access, 'missing')).toBeUndefined();
    const dangling = Buffer.from(
      JSON.stringify({ ...document, config: { ...document.config, digest: `sha256:${'0'.repeat(64)}` } }),
    );
    const refused = client.putManifest(access, 'x', { digest: digestOf(dangling), mediaType, bytes: dangling });
    await expect(refused).rejects.toMatchObject({ reason: 'RegistryRefused' });
    await client.close();
  });
});

async function upload(host: string, blob: Buffer): Promise<{ digest: string; size: number }> {
  const start = await fetch(`http://${host}/v2/team/app/blobs/uploads/`, { method: 'POST' });
  const target = new URL(start.headers.get('location') ?? '', `http://${host}`);
  target.searchParams.set('digest', digestOf(blob));
  const put = await fetch(target, { method: 'PUT', body: new Uint8Array(blob) });
  expect(put.status).toBe(201);
  return { digest: digestOf(blob), size: blob.length };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 15_000;
  for (;;) {
    const met = await condition().catch(() => false);
    if (met) return;
    if (Date.now() > deadline) throw new Error('docker-registry did not answer within 15 s');
    await delay(50);
  }
}
