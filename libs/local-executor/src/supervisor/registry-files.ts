import { access, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { registryAuthDirectory } from '../command/child-environment.js';

const SYSTEM_POLICY = '/etc/containers/policy.json';

/**
 * Writes what builders read about registries: the credentials (only `auths`: helpers are programs and are dropped), which
 * hosts speak plain HTTP, and a signature policy where the host has none.
 */
export async function writeRegistryFiles(
  home: string,
  dockerConfigJson: string | undefined,
  insecureRegistries: readonly string[],
): Promise<void> {
  const directory = registryAuthDirectory(home);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFile(join(directory, 'config.json'), onlyAuths(dockerConfigJson), { mode: 0o600 });
  const registries = [
    'unqualified-search-registries = ["docker.io"]',
    'short-name-mode = "permissive"',
    ...insecureRegistries.flatMap((host) => ['[[registry]]', `location = ${JSON.stringify(host)}`, 'insecure = true']),
  ];
  await writeFile(join(home, 'registries.conf'), `${registries.join('\n')}\n`, { mode: 0o600 });
  const hasPolicy = await access(SYSTEM_POLICY).then(
    () => true,
    () => false,
  );
  if (hasPolicy) return;
  const containers = join(home, '.config', 'containers');
  await mkdir(containers, { recursive: true });
  await writeFile(join(containers, 'policy.json'), '{"default":[{"type":"insecureAcceptAnything"}]}\n');
}

/** Removes the credentials; the rest may stay. */
export async function removeRegistryCredential(home: string): Promise<void> {
  await rm(registryAuthDirectory(home), { recursive: true, force: true });
}

function onlyAuths(dockerConfigJson: string | undefined): string {
  try {
    const parsed = JSON.parse(dockerConfigJson ?? '{}') as { auths?: unknown };
    return JSON.stringify({ auths: parsed.auths ?? {} });
  } catch {
    return '{"auths":{}}';
  }
}
