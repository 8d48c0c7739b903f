import { Secret } from '@image-factory/domain';

/** Where Docker keeps its own registry's credential. */
const DOCKER_HUB_KEY = 'https://index.docker.io/v1/';
const DOCKER_HUB_HOSTS: readonly string[] = ['docker.io', 'index.docker.io', 'registry-1.docker.io'];

/** Text of a Docker `config.json` for one registry and one user. */
export function dockerConfigFor(server: string, username: string, password: Secret): Secret {
  const host = server.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  const key = DOCKER_HUB_HOSTS.includes(host) ? DOCKER_HUB_KEY : host;
  const auth = Buffer.from(`${username}:${password.reveal()}`, 'utf8').toString('base64');
  return new Secret(JSON.stringify({ auths: { [key]: { username, password: password.reveal(), auth } } }));
}

/** Host (with its port) of a clone URL, or of `user@host:path`; undefined when there is none. */
export function gitHostOf(gitRepositoryUrl: string): string | undefined {
  const scp = /^[^/@]+@([^:/]+):/.exec(gitRepositoryUrl);
  if (scp !== null) return scp[1];
  return URL.canParse(gitRepositoryUrl) ? new URL(gitRepositoryUrl).host : undefined;
}
