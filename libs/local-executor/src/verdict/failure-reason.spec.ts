import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { NEXT_FETCH } from '../command/clone-commands.js';
import { failureReason } from './failure-reason.js';

const WORDS = JSON.parse(
  readFileSync(new URL('../../../../test/fixtures/git/words.json', import.meta.url), 'utf8'),
) as Readonly<Record<string, readonly string[]>>;

describe('failureReason', () => {
  it.each([
    ['clone/clone', "fatal: couldn't find remote ref refs/tags/x", 'GitRevisionNotFound', 'user'],
    ['clone/clone', "fatal: Authentication failed for 'https://git.example/a.git/'", 'GitAuthenticationFailed', 'user'],
    [
      'clone/clone',
      "fatal: could not read Username for 'https://git.example': terminal prompts disabled",
      'GitAuthenticationFailed',
      'user',
    ],
    ['clone/clone', 'git@git.example: Permission denied (publickey).', 'GitAuthenticationFailed', 'user'],
    ['clone/clone', 'Host key verification failed.', 'GitAuthenticationFailed', 'user'],
    ['clone/clone', "fatal: repository 'https://git.example/a.git/' not found", 'GitRepositoryNotFound', 'user'],
    ['clone/clone', "fatal: unable to access 'https://x/': Could not resolve host: x", 'GitUnavailable', 'cluster'],
    ['clone/clone', 'fatal: unable to access: The requested URL returned error: 301', 'CloneFailed', 'user'],
    ['clone/clone', 'fatal: unable to access: SSL certificate problem: expired', 'CloneFailed', 'cluster'],
    [
      'clone/clone',
      `fatal: couldn't find remote ref refs/heads/v1\n${NEXT_FETCH}\nThe requested URL returned error: 503`,
      'GitUnavailable',
      'cluster',
    ],
    [
      'clone/clone',
      `fatal: couldn't find remote ref refs/heads/v1\n${NEXT_FETCH}\nfatal: couldn't find remote ref refs/tags/v1`,
      'GitRevisionNotFound',
      'user',
    ],
    ['clone/clone', 'fatal: write error: No space left on device', 'HostDiskFull', 'platform'],
    [
      'build/push',
      'Error: pushing image "x": checking: unauthorized: authentication required',
      'RegistryUnauthorized',
      'user',
    ],
    [
      'build/push',
      'Error: pinging container registry r: dial tcp: connect: connection refused',
      'RegistryUnavailable',
      'cluster',
    ],
    ...[
      'dial tcp: lookup r.example: server misbehaving',
      'dial tcp 10.0.0.1:443: connect: no route to host',
      'dial tcp 10.0.0.1:443: connect: network is unreachable',
      'received unexpected HTTP status: 429 Too Many Requests',
      'received unexpected HTTP status: 503 Service Unavailable',
      'unexpected status code 429',
      'unexpected status code 502 Bad Gateway',
    ].map(
      (says) =>
        ['build/push', `Error: pushing image "x": copying layers: ${says}`, 'RegistryUnavailable', 'cluster'] as const,
    ),
    ['build/push', 'Error: something new', 'PushFailed', 'cluster'],
    [
      'build/build',
      'Error: creating build container: initializing source docker://r/x: unauthorized: access',
      'ImagePullUnauthorized',
      'user',
    ],
    [
      'build/build',
      'Error: creating build container: initializing source docker://r/x: reading manifest latest: manifest unknown',
      'ImagePullFailed',
      'user',
    ],
    [
      'build/build',
      'Error: initializing source docker://r/x: pinging container registry r: i/o timeout',
      'BaseImageUnavailable',
      'cluster',
    ],
    [
      'build/build',
      'curl: unauthorized\nconnection refused\nError: building at STEP "RUN x": exit status 7',
      'StepFailed',
      'user',
    ],
    ['build/build', 'tar: write error: No space left on device', 'HostDiskFull', 'platform'],
  ] as const)('of %s reads %j as %s', (step, tail, reason, fault) => {
    expect(failureReason(step, 1, tail)).toMatchObject({ reason, fault });
  });

  it.each(Object.entries(WORDS).flatMap(([reason, words]) => words.map((says) => [says, reason])))(
    'reads git’s words as its Task does: %j is %s',
    (says, reason) => {
      expect(failureReason('clone/clone', 128, says)).toMatchObject({ reason });
    },
  );
});
