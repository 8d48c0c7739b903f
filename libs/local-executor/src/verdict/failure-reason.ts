import type { Fault, Reason } from '@image-factory/domain';
import { NEXT_FETCH } from '../command/clone-commands.js';

/** Why a step failed, read from its last lines. */
export interface FailureReason {
  readonly reason: Reason;
  readonly fault: Fault;
  /** What to do. */
  readonly advice: string;
}

type Rule = readonly [RegExp, Reason, Fault, string];

const DISK_FULL: Rule = [
  /no space left on device|disk quota exceeded|ENOSPC/i,
  'HostDiskFull',
  'platform',
  'The disk of the host is full; free space there.',
];

/** Trouble of the git host, or of the way to it, that may pass. The Task `git-clone` reads the same out of these words. */
const GIT_UNAVAILABLE = new RegExp(
  [
    /returned error: (?:408|429|5\d\d)|tunnel failed, response 5\d\d/,
    /could not resolve (?:host|proxy)|unable to look up|(?:failed|unable) to connect/,
    /connection (?:refused|reset|closed)|closed by remote host|unreachable|no route to host|timed out|too slow/,
    /empty reply|not closed cleanly|rpc failed; curl|early eof|unexpected (?:disconnect|eof)|hung up unexpectedly/,
    /ssl_error_syscall|non-properly terminated/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'i',
);

const CLONE_RULES: readonly Rule[] = [
  [
    /authentication failed|could not read (?:username|password)|permission denied \(|invalid username or password|http basic: access denied|returned error: 40[13]|host key verification failed|too many authentication failures/i,
    'GitAuthenticationFailed',
    'user',
    'Check the repository auth of the project.',
  ],
  [
    /returned error: 30[12378]|unable to update url base from redirection/i,
    'CloneFailed',
    'user',
    'The repository URL redirects; use the address that it redirects to.',
  ],
  [
    /couldn't find remote ref|could not find remote ref|not our ref|unadvertised object|unable to read tree|reference is not a tree/i,
    'GitRevisionNotFound',
    'user',
    'Check the branch, tag or commit.',
  ],
  [
    /repository .* not found|repository not found|could not be found|does not appear to be a git repository|returned error: 404|not found$/im,
    'GitRepositoryNotFound',
    'user',
    'Check the URL of the repository, and its repository auth if it is private.',
  ],
  [GIT_UNAVAILABLE, 'GitUnavailable', 'cluster', 'The git host cannot be reached from this host now.'],
  [/ssl certificate/i, 'CloneFailed', 'cluster', 'The certificate of the git host is not trusted on this host.'],
];

/** A builder's own words about a registry; what a RUN step prints must not look like them by accident. */
const REGISTRY_RULES: readonly Rule[] = [
  DISK_FULL,
  [
    /unauthorized|authentication required|access denied|denied:|no basic auth credentials|status code 40[13]|: 40[13] /i,
    'RegistryUnauthorized',
    'user',
    'Check the registry auth of the project.',
  ],
  [
    /connection (?:refused|reset)|no such host|server misbehaving|no route to host|network is unreachable|i\/o timeout|tls handshake|x509|server gave http response|status code:? (?:429|5\d\d)|: (?:429|5\d\d) |toomanyrequests|unexpected eof/i,
    'RegistryUnavailable',
    'cluster',
    'The registry cannot be reached from this host now.',
  ],
];

/** What a registry's trouble is called when it is not the one that the image goes to. */
const PULLED: Readonly<Partial<Record<Reason, Reason>>> = {
  RegistryUnauthorized: 'ImagePullUnauthorized',
  RegistryUnavailable: 'BaseImageUnavailable',
};

const PULL_WORDS =
  /^(?:error|\[?failed|#\d+ error).*(?:initializing source|pinging container registry|pull access denied|failed to resolve source metadata|reading manifest|copying system image from manifest list)/im;
const PUSH_WORDS =
  /^(?:error|denied|unauthorized).*(?:pushing image|copying layers|writing manifest|writing blob|push access denied|failed to push|pinging container registry)|^denied:|^unauthorized:/im;

/** Classifies the failure of `<task>/<step>` with this exit code and these last lines: pure. */
export function failureReason(step: string, exitCode: number | undefined, tail: string): FailureReason {
  if (step === 'clone/clone') {
    const words = lastFetch(tail);
    // What the server says of its own disk has "remote:" before it.
    if (DISK_FULL[0].test(words.replaceAll(/^remote:.*$/gm, ''))) return toReason(DISK_FULL);
    return (
      firstMatch(CLONE_RULES, words) ?? { reason: 'CloneFailed', fault: 'user', advice: 'See the log of the step.' }
    );
  }
  if (step === 'build/push') {
    return (
      firstMatch(REGISTRY_RULES, tail) ?? { reason: 'PushFailed', fault: 'cluster', advice: 'See the log of the step.' }
    );
  }
  if (DISK_FULL[0].test(tail)) return toReason(DISK_FULL);
  const lines = tail
    .split('\n')
    .filter((line) => PULL_WORDS.test(line) || PUSH_WORDS.test(line))
    .join('\n');
  if (PULL_WORDS.test(lines)) {
    const found = firstMatch(REGISTRY_RULES, lines);
    if (found === undefined)
      return { reason: 'ImagePullFailed', fault: 'user', advice: 'Check the name of the base image.' };
    return { ...found, reason: PULLED[found.reason] ?? found.reason };
  }
  if (lines !== '') {
    return (
      firstMatch(REGISTRY_RULES, lines) ?? {
        reason: 'PushFailed',
        fault: 'cluster',
        advice: 'See the log of the step.',
      }
    );
  }
  return {
    reason: 'StepFailed',
    fault: 'user',
    advice: exitCode === 137 ? 'It was killed; it may need more memory.' : 'See its last lines.',
  };
}

/** What was said since git was last asked another way: that a branch is not there says nothing of the tag. */
function lastFetch(tail: string): string {
  return tail.split(NEXT_FETCH).at(-1) ?? tail;
}

function firstMatch(rules: readonly Rule[], text: string): FailureReason | undefined {
  const rule = rules.find(([pattern]) => pattern.test(text));
  return rule === undefined ? undefined : toReason(rule);
}

function toReason([, reason, fault, advice]: Rule): FailureReason {
  return { reason, fault, advice };
}
