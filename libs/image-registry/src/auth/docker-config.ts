import { DomainError, Secret } from '@image-factory/domain';
import { canonicalRegistryHost } from '../reference/repository-reference.js';

/** What a Docker `config.json` says about one registry. */
export type RegistryCredential =
  | { readonly kind: 'basic'; readonly username: string; readonly password: Secret }
  | { readonly kind: 'identity-token'; readonly token: Secret }
  | { readonly kind: 'registry-token'; readonly token: Secret };

interface AuthEntry {
  readonly auth?: unknown;
  readonly username?: unknown;
  readonly password?: unknown;
  readonly identitytoken?: unknown;
  readonly registrytoken?: unknown;
}

/**
 * Finds the credential of a repository in the text of a Docker `config.json`. Keys may be hosts, hosts with a port,
 * URLs as the docker client writes them (`https://index.docker.io/v1/`), or host and path as containers-auth.json(5)
 * has them; the longest match wins. `credHelpers` and `credsStore` are programs and are never run.
 * @throws DomainError InvalidInput CredentialUnreadable when the text is not such a file
 */
export function findCredential(
  dockerConfigJson: Secret | undefined,
  registry: string,
  path: string,
): RegistryCredential | undefined {
  if (dockerConfigJson === undefined) return undefined;
  const wanted = `${canonicalRegistryHost(registry)}/${path}/`;
  let best: AuthEntry | undefined;
  let bestLength = -1;
  for (const [key, entry] of Object.entries(readAuths(dockerConfigJson))) {
    const scope = scopeOf(key);
    if (wanted.startsWith(`${scope}/`) && scope.length > bestLength) {
      best = entry;
      bestLength = scope.length;
    }
  }
  return best === undefined ? undefined : toCredential(best);
}

function readAuths(text: Secret): Readonly<Record<string, AuthEntry>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text.reveal());
  } catch {
    throw unreadable('is not JSON');
  }
  if (!isRecord(parsed)) throw unreadable('is not an object');
  const auths = parsed['auths'] ?? {};
  if (!isRecord(auths)) throw unreadable('has "auths" that is not an object');
  const entries: Record<string, AuthEntry> = {};
  for (const [key, value] of Object.entries(auths)) if (isRecord(value)) entries[key] = value;
  return entries;
}

/** `https://Host:443/v2/` → `host`; `host/path` keeps its path. */
function scopeOf(key: string): string {
  const bare = key
    .replace(/^https?:\/\//i, '')
    .replace(/\/(?:v1|v2)\/?$/, '')
    .replace(/\/+$/, '');
  const slash = bare.indexOf('/');
  const host = canonicalRegistryHost(slash === -1 ? bare : bare.slice(0, slash));
  return slash === -1 ? host : host + bare.slice(slash);
}

function toCredential(entry: AuthEntry): RegistryCredential | undefined {
  if (isText(entry.identitytoken)) return { kind: 'identity-token', token: new Secret(entry.identitytoken) };
  if (isText(entry.registrytoken)) return { kind: 'registry-token', token: new Secret(entry.registrytoken) };
  if (isText(entry.username) && typeof entry.password === 'string') {
    return { kind: 'basic', username: entry.username, password: new Secret(entry.password) };
  }
  if (!isText(entry.auth)) return undefined;
  const pair = Buffer.from(entry.auth, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  if (colon < 1) throw unreadable('has an "auth" that is not base64 of user:password');
  const password = pair.slice(colon + 1).replace(/\0+$/, '');
  return { kind: 'basic', username: pair.slice(0, colon), password: new Secret(password) };
}

function unreadable(what: string): DomainError {
  return new DomainError({
    kind: 'InvalidInput',
    reason: 'CredentialUnreadable',
    message: `The registry credential (a Docker config.json) ${what}. Store it again.`,
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
