import { existsSync } from 'node:fs';
import { CommandFailed, run } from './command.ts';
import { secondNetwork as net } from './layout.ts';

/** Runs a command unless what it makes is there already. */
async function unlessThere(command: string, args: readonly string[]): Promise<void> {
  try {
    await run(command, args);
  } catch (error) {
    if (!(error instanceof CommandFailed) || !error.stderr.includes('File exists')) throw error;
  }
}

const inside = (...command: string[]): Promise<string> => run('nsenter', insideArguments(command));

/** Arguments of nsenter: the network alone is another; mounts and control groups stay the machine's. */
export function insideArguments(command: readonly string[]): string[] {
  return [`--net=/run/netns/${net.namespace}`, ...command];
}

export function isSecondNetworkThere(): boolean {
  return existsSync(`/run/netns/${net.namespace}`);
}

/**
 * Makes the second cluster's network namespace and its wire to the machine: the machine reaches its pods and its API
 * server, and its pods reach the registry and the git server of the first cluster.
 */
export async function ensureSecondNetwork(): Promise<void> {
  await unlessThere('ip', ['netns', 'add', net.namespace]);
  const pair = ['link', 'add', net.hostLink, 'type', 'veth', 'peer', net.innerLink, 'netns', net.namespace];
  await unlessThere('ip', pair);
  await run('ip', ['addr', 'replace', `${net.hostAddress}/24`, 'dev', net.hostLink]);
  await run('ip', ['link', 'set', net.hostLink, 'up']);
  await run('ip', ['route', 'replace', net.podRange, 'via', net.innerAddress]);
  await inside('ip', 'link', 'set', 'lo', 'up');
  await inside('ip', 'addr', 'replace', `${net.innerAddress}/24`, 'dev', net.innerLink);
  await inside('ip', 'link', 'set', net.innerLink, 'up');
  await inside('ip', 'route', 'replace', 'default', 'via', net.hostAddress);
  await inside('sysctl', '--quiet', '--write', 'net.ipv4.ip_forward=1');
}

/** Deletes the namespace; the wire goes with it. */
export async function removeSecondNetwork(): Promise<void> {
  if (isSecondNetworkThere()) await run('ip', ['netns', 'delete', net.namespace]);
}
