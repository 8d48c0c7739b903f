import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BinaryDirs } from '../artifacts/binaries.ts';
import type { Image } from '../artifacts/images.ts';
import { findProgram, run } from '../machine/command.ts';
import { type Layout, registryHost } from '../machine/layout.ts';
import { assertDaemonAlive, daemonLog, ensureDaemon } from '../machine/processes.ts';
import { coldStartMs, waitUntil } from '../machine/progress.ts';

/**
 * The registry's users; both may do everything. The hashes are bcrypt (the only form that the
 * registry reads) of the passwords beside them.
 */
export const registryUsers = [
  { username: 'push', password: 'pushpw', hash: '$2b$04$JUC2c0Mn0omH79e5lYQTRujBmXFH2a2V/ntU85MpA8nYaroGFeSTu' },
  { username: 'other', password: 'otherpw', hash: '$2b$04$LoF/teEtuOzWj0p5WPdk2e9XdnmzksjoNsX.gs4RXXpZ6IFQdBx.2' },
] as const;

/** An image in the registry that builds start from: a static busybox with a shell. */
export const baseImage = `${registryHost}/base/busybox:1`;

const basicAuth = ({ username, password }: { username: string; password: string }) =>
  Buffer.from(`${username}:${password}`).toString('base64');

/** Directory with a `config.json` (docker's format) that signs the first user in. */
export function dockerConfigDir(layout: Layout): string {
  return join(layout.dataDir, 'docker-config');
}

/** A request to the registry as its first user, or anonymously. Path below `/v2/`. */
export function callRegistry(
  path: string,
  options: { readonly anonymous?: boolean; readonly method?: string } = {},
): Promise<Response> {
  const headers: Record<string, string> = {
    accept:
      'application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.index.v1+json',
  };
  if (!options.anonymous) headers.authorization = `Basic ${basicAuth(registryUsers[0])}`;
  return fetch(`http://${registryHost}/v2/${path}`, {
    method: options.method ?? 'GET',
    headers,
    signal: AbortSignal.timeout(5000),
  });
}

/** True when the registry answers and refuses anonymous requests. */
export async function isRegistryReady(): Promise<boolean> {
  return (await callRegistry('', { anonymous: true })).status === 401 && (await callRegistry('')).ok;
}

function writeRegistryConfig(layout: Layout, configFile: string): void {
  const passwordFile = join(layout.dataDir, 'htpasswd');
  writeFileSync(passwordFile, registryUsers.map((user) => `${user.username}:${user.hash}\n`).join(''));
  const config = {
    version: '0.1',
    log: { level: 'warn', accesslog: { disabled: false } },
    storage: {
      filesystem: { rootdirectory: join(layout.dataDir, 'registry') },
      delete: { enabled: true },
      cache: { blobdescriptor: 'inmemory' },
    },
    http: { addr: registryHost },
    auth: { htpasswd: { realm: 'test', path: passwordFile } },
  };
  writeFileSync(configFile, JSON.stringify(config, undefined, 1));
  mkdirSync(dockerConfigDir(layout), { recursive: true });
  const dockerConfig = { auths: { [registryHost]: { auth: basicAuth(registryUsers[0]) } } };
  writeFileSync(join(dockerConfigDir(layout), 'config.json'), JSON.stringify(dockerConfig, undefined, 1));
}

/** Starts the registry (plain HTTP, a password for everything, deletion allowed) and puts the base image into it. */
export async function startRegistry(layout: Layout, binaries: BinaryDirs, images: readonly Image[]): Promise<void> {
  const configFile = join(layout.dataDir, 'registry.yml');
  writeRegistryConfig(layout, configFile);
  await ensureDaemon(layout, {
    name: 'registry',
    command: findProgram('docker-registry')!,
    args: ['serve', configFile],
  });
  await waitUntil(
    () => {
      assertDaemonAlive(layout, 'registry');
      return isRegistryReady();
    },
    { what: 'An answer of the registry', timeoutMs: coldStartMs, logFile: daemonLog(layout, 'registry') },
  );
  if ((await callRegistry('base/busybox/manifests/1', { method: 'HEAD' })).ok) return;
  const archive = images.find((image) => image.name === 'busybox')!.archive;
  await run(join(binaries.crane, 'crane'), ['push', '--insecure', archive, baseImage], {
    env: { DOCKER_CONFIG: dockerConfigDir(layout) },
  });
}
