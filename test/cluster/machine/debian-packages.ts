import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, run } from './command.ts';
import type { Layout } from './layout.ts';
import { ClusterError, longStep } from './progress.ts';

/** Directory of the CNI plugins of Debian's containernetworking-plugins. */
export const cniPluginDir = '/usr/lib/cni';

/** What the cluster needs from the system: how a present one is recognised, and its Debian package. */
const requirements: readonly { readonly isPresent: () => boolean; readonly packageName: string }[] = [
  { isPresent: () => findProgram('containerd') !== undefined, packageName: 'containerd' },
  { isPresent: () => findProgram('runc') !== undefined, packageName: 'runc' },
  { isPresent: () => existsSync(join(cniPluginDir, 'bridge')), packageName: 'containernetworking-plugins' },
  { isPresent: () => findProgram('ip') !== undefined, packageName: 'iproute2' },
  { isPresent: () => findProgram('busybox') !== undefined, packageName: 'busybox-static' },
  { isPresent: () => findProgram('docker-registry') !== undefined, packageName: 'docker-registry' },
  { isPresent: () => findProgram('mmdebstrap') !== undefined, packageName: 'mmdebstrap' },
  { isPresent: () => findProgram('git') !== undefined, packageName: 'git' },
  { isPresent: () => findProgram('openssl') !== undefined, packageName: 'openssl' },
  { isPresent: () => findProgram('gcc') !== undefined, packageName: 'gcc' },
  { isPresent: () => existsSync('/usr/include/stdlib.h'), packageName: 'libc6-dev' },
];

/** A policy that keeps package installation from starting services (invoke-rc.d(8)): ours listen on the same ports. */
const servicePolicy = '/usr/sbin/policy-rc.d';

/** Installs the Debian packages that are missing. Throws one error with the command when it cannot. */
export async function ensureDebianPackages(layout: Layout): Promise<void> {
  const missing = requirements.filter((one) => !one.isPresent()).map((one) => one.packageName);
  if (missing.length === 0) return;
  const command = `apt-get update && apt-get install --no-install-recommends ${missing.join(' ')}`;
  const advice = `Run as root: ${command}`;
  if (process.getuid?.() !== 0 || findProgram('apt-get') === undefined) {
    throw new ClusterError(`Missing from this system: ${missing.join(', ')}.`, advice);
  }
  mkdirSync(layout.logDir, { recursive: true });
  const logFile = join(layout.logDir, 'apt.log');
  const hadPolicy = existsSync(servicePolicy);
  if (!hadPolicy) writeFileSync(servicePolicy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await longStep(`Debian packages ${missing.join(' ')}`, 'installing with apt-get', async () => {
      const options = { logFile, env: { DEBIAN_FRONTEND: 'noninteractive' } };
      await run('apt-get', ['update', '-q'], options);
      await run('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...missing], options);
    });
  } catch (error) {
    throw new ClusterError(`apt-get failed: ${(error as Error).message}`, advice, logFile);
  } finally {
    if (!hadPolicy) rmSync(servicePolicy, { force: true });
  }
}
