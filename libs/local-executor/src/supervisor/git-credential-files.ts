import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PinnedHost } from '../command/clone-commands.js';
import type { OrderCredentials } from './supervisor-order.js';

/** Environment that git needs besides for this credential. */
export type GitEnvironment = Readonly<Record<string, string>>;

/**
 * Writes the git credential below the run's home, readable by its owner only: git's own credential store for a
 * password, a configuration of its own for ssh. A password goes only to the host that it was stored for, by the
 * scheme of the URL.
 */
export async function writeGitCredential(
  home: string,
  url: string,
  credential: OrderCredentials['git'],
  pinned: PinnedHost | undefined,
): Promise<GitEnvironment> {
  const overSsh = !/^https?:/i.test(url);
  if (overSsh) return await writeSshFiles(home, credential?.type === 'ssh_key' ? credential : undefined, pinned);
  if (credential === undefined || credential.type === 'ssh_key') return {};
  const target = new URL(url);
  if (credential.host !== target.host && credential.host !== target.hostname) return {};
  const user = encodeURIComponent(credential.username);
  const password = encodeURIComponent(credential.password);
  await writeFile(join(home, '.git-credentials'), `${target.protocol}//${user}:${password}@${target.host}\n`, {
    mode: 0o600,
  });
  return {};
}

/** Removes what {@link writeGitCredential} wrote: no later step may read it. */
export async function removeGitCredential(home: string): Promise<void> {
  await rm(join(home, '.git-credentials'), { force: true });
  await rm(join(home, 'git-ssh'), { recursive: true, force: true });
}

type SshCredential = Extract<NonNullable<OrderCredentials['git']>, { type: 'ssh_key' }>;

/**
 * ssh reads its configuration from the account's home, not from HOME, and git would run GIT_SSH_COMMAND through a shell:
 * so GIT_SSH names a small node program that calls ssh with `-F` and the arguments it was given.
 */
async function writeSshFiles(
  home: string,
  credential: SshCredential | undefined,
  pinned: PinnedHost | undefined,
): Promise<GitEnvironment> {
  const directory = join(home, 'git-ssh');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const file = (name: string): string => join(directory, name);
  if (credential !== undefined) {
    const key = credential.privateKey.endsWith('\n') ? credential.privateKey : `${credential.privateKey}\n`;
    await writeFile(file('key'), key, { mode: 0o600 });
  }
  await writeFile(file('known_hosts'), `${credential?.knownHosts ?? ''}\n`, { mode: 0o600 });
  await writeFile(file('config'), sshConfig(file, pinned), { mode: 0o600 });
  const program = [
    '#!/usr/bin/env node',
    "const { spawnSync } = require('node:child_process');",
    `const result = spawnSync('ssh', ['-F', ${JSON.stringify(file('config'))}, ...process.argv.slice(2)], { stdio: 'inherit' });`,
    "if (result.error) console.error('ssh does not run: ' + result.error.code);",
    'process.exit(result.status ?? 255);',
  ];
  await writeFile(file('ssh'), `${program.join('\n')}\n`, { mode: 0o700 });
  await chmod(file('ssh'), 0o700);
  return { GIT_SSH: file('ssh'), GIT_SSH_VARIANT: 'ssh' };
}

function sshConfig(file: (name: string) => string, pinned: PinnedHost | undefined): string {
  const address = pinned?.addresses[0];
  const alias = pinned === undefined || pinned.port === 22 ? pinned?.host : `[${pinned.host}]:${pinned.port}`;
  const lines = [
    'Host *',
    `IdentityFile "${file('key')}"`,
    'IdentitiesOnly yes',
    'IdentityAgent none',
    `UserKnownHostsFile "${file('known_hosts')}"`,
    'GlobalKnownHostsFile /dev/null',
    'StrictHostKeyChecking yes',
    'BatchMode yes',
    'ConnectTimeout 30',
    ...(address === undefined || alias === undefined ? [] : [`HostName ${address}`, `HostKeyAlias ${alias}`]),
  ];
  return `${lines.join('\n')}\n`;
}
