import { gitCommit } from '@image-factory/domain';
import type { CloneSpec } from '../document/local-run.js';
import type { Command } from './command.js';

/** Addresses that the egress policy judged for a host; git connects to these and no others. */
export interface PinnedHost {
  readonly host: string;
  readonly port: number;
  readonly addresses: readonly string[];
}

export interface CloneInput {
  readonly git: string;
  readonly source: string;
  readonly pinned: PinnedHost | undefined;
}

/** Git as every command of a clone runs it: no hooks, no redirects, no helpers but the run's own credential file. */
function gitCommand(input: CloneInput, args: readonly string[], outputFile?: string): Command {
  const settings = [
    'credential.helper=',
    'credential.helper=store',
    'core.hooksPath=/dev/null',
    'core.fsmonitor=false',
    'submodule.recurse=false',
    'http.followRedirects=false',
    'http.lowSpeedLimit=100',
    'http.lowSpeedTime=120',
    'advice.detachedHead=false',
    'init.defaultBranch=main',
    ...pinSetting(input.pinned),
  ];
  return {
    file: input.git,
    args: [...settings.flatMap((setting) => ['-c', setting]), ...args],
    cwd: input.source,
    ...(outputFile === undefined ? {} : { outputFile }),
  };
}

function pinSetting(pinned: PinnedHost | undefined): string[] {
  if (pinned === undefined || pinned.addresses.length === 0) return [];
  const addresses = pinned.addresses.map((address) => (address.includes(':') ? `[${address}]` : address));
  return [`http.curloptResolve=${pinned.host}:${pinned.port}:${addresses.join(',')}`];
}

export function initCommand(input: CloneInput): Command {
  return gitCommand(input, ['init', '--quiet']);
}

/** The log's line between two of the ways to fetch. */
export const NEXT_FETCH = 'The git host does not have it by that name; looking further.';

/**
 * Ways to fetch exactly the revision, the cheapest first; the next one is tried only when the server does not know the
 * ref. A commit that a server will not hand out by itself is found by fetching every branch and tag.
 */
export function fetchCommands(input: CloneInput, clone: CloneSpec): Command[] {
  const fetch = (...args: string[]): Command =>
    gitCommand(input, ['fetch', '--no-tags', '--no-recurse-submodules', ...args]);
  const shallow = (ref: string): Command => fetch('--depth', '1', '--end-of-options', clone.url, ref);
  if (gitCommit(clone.revision) === undefined) {
    const everything = ['+refs/heads/*:refs/remotes/origin/*', '+refs/tags/*:refs/tags/*'];
    return [shallow(clone.revision), fetch('--end-of-options', clone.url, ...everything)];
  }
  if (clone.revision.startsWith('refs/')) return [shallow(clone.revision)];
  return [shallow(`refs/heads/${clone.revision}`), shallow(`refs/tags/${clone.revision}`)];
}

/** True when a fetch failed because the server does not have, or not hand out, what was named. */
export function isUnknownRevision(log: string): boolean {
  return /couldn't find remote ref|could not find remote ref|not our ref|unadvertised object|no such ref|reference is not a tree|unable to read tree/i.test(
    log,
  );
}

export function checkoutCommand(input: CloneInput, clone: CloneSpec): Command {
  const commit = gitCommit(clone.revision) === undefined;
  return gitCommand(input, ['checkout', '--quiet', '--detach', '--force', commit ? clone.revision : 'FETCH_HEAD']);
}

/** Writes the checked-out commit to a file. */
export function revisionCommand(input: CloneInput, outputFile: string): Command {
  return gitCommand(input, ['rev-parse', '--verify', 'HEAD'], outputFile);
}
