import { imageRepository, invalidInput } from '@image-factory/domain';

/** A repository, split into the host that serves it and its path in the OCI distribution API. */
export interface RepositoryReference {
  /** `host[:port]` as the user wrote it, in lower case; what credentials are looked up by. */
  readonly registry: string;
  /** `host[:port]` that answers the API; differs from `registry` for Docker Hub only. */
  readonly apiHost: string;
  /** Path below `/v2/`. */
  readonly path: string;
}

const DOCKER_HUB = 'docker.io';
const DOCKER_HUB_API = 'registry-1.docker.io';
const DOCKER_HUB_ALIASES: readonly string[] = [DOCKER_HUB, DOCKER_HUB_API, 'index.docker.io'];

/** One name for every spelling of a registry host: Docker Hub's aliases, upper case, the default port. */
export function canonicalRegistryHost(host: string): string {
  const lower = host.toLowerCase().replace(/:443$/, '');
  return DOCKER_HUB_ALIASES.includes(lower) ? DOCKER_HUB : lower;
}

/**
 * Splits `host[:port]/path`.
 * @throws DomainError InvalidInput ValidationFailed
 */
export function parseRepository(repository: string): RepositoryReference {
  const wrong = imageRepository(repository);
  if (wrong !== undefined) throw invalidInput('ValidationFailed', `The image repository "${repository}" ${wrong}.`);
  const slash = repository.indexOf('/');
  const registry = repository.slice(0, slash).toLowerCase();
  const path = repository.slice(slash + 1);
  if (canonicalRegistryHost(registry) !== DOCKER_HUB) return { registry, apiHost: registry, path };
  return { registry, apiHost: DOCKER_HUB_API, path: path.includes('/') ? path : `library/${path}` };
}

const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** True for `sha256:<64 hex>`, the one algorithm that every registry and builder here writes. */
export function isDigest(reference: string): boolean {
  return DIGEST.test(reference);
}

/**
 * Refuses a reference that is neither a tag nor a digest, before it becomes part of a URL.
 * @throws DomainError InvalidInput ValidationFailed
 */
export function assertReference(reference: string): void {
  if (TAG.test(reference) || isDigest(reference)) return;
  throw invalidInput('ValidationFailed', 'The reference must be a tag of the OCI grammar or a digest.');
}
