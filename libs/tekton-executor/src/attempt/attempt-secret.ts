import { attemptSecretName } from '@image-factory/domain';
import type { Attempt, AttemptCredentials, GitCredential } from '@image-factory/domain';
import { DOCKER_CONFIG_KEY, type GIT_CREDENTIAL_KEYS, runLabels } from '../pipeline-run/template-view.js';

/** What a registry configuration without any credential is. */
export const EMPTY_DOCKER_CONFIG = '{"auths":{}}';

/** A Secret as it is sent. It is made, sent and forgotten; nothing keeps or logs it. */
export interface SecretManifest {
  readonly apiVersion: 'v1';
  readonly kind: 'Secret';
  readonly type: 'Opaque';
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  /** Base64. */
  readonly data: Readonly<Record<string, string>>;
}

/**
 * The attempt's own Secret (rules 3 and 10). Every key is there, so that a workspace that names it mounts; the keys of
 * git are empty without a git credential, which the Task reads as none.
 */
export function attemptSecret(
  attempt: Attempt,
  credentials: AttemptCredentials,
  defaultDockerConfig: string | undefined,
): SecretManifest {
  const dockerConfig = credentials.dockerConfigJson?.reveal() ?? defaultDockerConfig ?? EMPTY_DOCKER_CONFIG;
  const texts: Record<string, string> = {
    [DOCKER_CONFIG_KEY]: dockerConfig,
    ...gitTexts(credentials.git, gitScheme(attempt)),
  };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: { name: attemptSecretName(attempt), namespace: attempt.place.namespace, labels: runLabels(attempt) },
    data: Object.fromEntries(
      Object.entries(texts).map(([key, text]) => [key, Buffer.from(text, 'utf8').toString('base64')]),
    ),
  };
}

/** By which scheme the attempt fetches: a password for https must not go out in clear after a redirect to http. */
function gitScheme(attempt: Attempt): 'http' | 'https' {
  const { spec } = JSON.parse(attempt.document) as { spec?: { params?: readonly { name: string; value: unknown }[] } };
  const url = spec?.params?.find(({ name }) => name === 'url')?.value;
  return typeof url === 'string' && url.toLowerCase().startsWith('http:') ? 'http' : 'https';
}

/** Text for each git key, in git's credential store format (git-credential-store(1)) or ssh's files. */
function gitTexts(
  git: GitCredential | undefined,
  scheme: 'http' | 'https',
): Record<(typeof GIT_CREDENTIAL_KEYS)[number], string> {
  const empty = { 'git-credentials': '', 'ssh-privatekey': '', known_hosts: '' };
  if (git === undefined) return empty;
  if (git.type === 'ssh_key') {
    return { ...empty, 'ssh-privatekey': git.privateKey.reveal(), known_hosts: git.knownHosts };
  }
  const user = `${encodeURIComponent(git.username)}:${encodeURIComponent(git.password.reveal())}`;
  return { ...empty, 'git-credentials': `${scheme}://${user}@${git.host}\n` };
}
