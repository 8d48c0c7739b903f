import { delimiter, dirname, join } from 'node:path';
import { RUN_MARK_VARIABLE } from '../process/run-processes.js';
import type { RunDirectory } from '../workspace/run-directory.js';

/** The only variables of the host that a builder may be given: how to reach its daemon, and the network's proxies. */
export const BUILDER_VARIABLES = [
  'DOCKER_HOST',
  'BUILDKIT_HOST',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
] as const;
export type BuilderVariable = (typeof BUILDER_VARIABLES)[number];
export type BuilderEnvironment = Readonly<Partial<Record<BuilderVariable, string>>>;

/** Directory below the run's home that holds the registry credentials while a build runs. */
export function registryAuthDirectory(home: string): string {
  return join(home, 'registry-auth');
}

/** The whole environment of every child: a closed list, nothing of ours is inherited. */
export function childEnvironment(
  directory: RunDirectory,
  uid: string,
  path: string,
  builder: BuilderEnvironment,
): Record<string, string> {
  const given = BUILDER_VARIABLES.flatMap((name) =>
    builder[name] === undefined ? [] : [[name, builder[name]] as const],
  );
  const authDirectory = registryAuthDirectory(directory.home);
  return {
    ...Object.fromEntries(given),
    [RUN_MARK_VARIABLE]: uid,
    PATH: [...new Set([...path.split(delimiter).filter((part) => part !== ''), dirname(process.execPath)])].join(
      delimiter,
    ),
    HOME: directory.home,
    TMPDIR: directory.temporary,
    XDG_RUNTIME_DIR: directory.temporary,
    LC_ALL: 'C.UTF-8',
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_ALLOW_PROTOCOL: 'https:http:ssh',
    DOCKER_CONFIG: authDirectory,
    REGISTRY_AUTH_FILE: join(authDirectory, 'config.json'),
    CONTAINERS_REGISTRIES_CONF: join(directory.home, 'registries.conf'),
  };
}
