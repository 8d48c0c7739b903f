import { displayName, type Grammar, Secret } from '@image-factory/domain';
import type { RegistryAuthValue, RepositoryAuthValue } from '@image-factory/persistence';
import { boundedText, ChoiceField, TextField } from '../http/validation/fields.js';

const host: Grammar = (text) =>
  /^(?:https?:\/\/)?[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})(?::\d{1,5})?(?:\/v[12]\/?)?$/.test(text)
    ? undefined
    : 'must be the host of a registry, as in registry.example:5000';

const oneLine =
  (maxLength: number): Grammar =>
  (text) =>
    boundedText(1, maxLength)(text) ?? (/[\r\n]/.test(text) ? 'must be one line' : undefined);

/** A Docker `config.json` that carries credentials itself: helpers would be run on our side. */
const dockerConfig: Grammar = (text) => {
  if (text.length > 262_144) return 'must be at most 262144 characters';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'must be the JSON text of a Docker config.json';
  }
  if (typeof value !== 'object' || value === null || !('auths' in value)) return 'must have auths';
  const { auths } = value;
  if (typeof auths !== 'object' || auths === null || Array.isArray(auths)) return 'must have auths as an object';
  if ('credHelpers' in value || 'credsStore' in value) {
    return 'must not name credential helpers; put the credentials into auths';
  }
  if (Object.keys(value).length > 1) return 'must have nothing but auths';
  return Object.values(auths).every(isAuthEntry)
    ? undefined
    : `must have auths of objects with ${AUTH_FIELDS.join(', ')}`;
};

const AUTH_FIELDS: readonly string[] = ['auth', 'username', 'password', 'email', 'identitytoken', 'registrytoken'];

/** What stands under a host in `auths`: texts by known names, and at least one of them. */
function isAuthEntry(entry: unknown): boolean {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return false;
  const fields = Object.entries(entry);
  return fields.length > 0 && fields.every(([name, value]) => AUTH_FIELDS.includes(name) && typeof value === 'string');
}

const sshKey: Grammar = (text) =>
  /^-----BEGIN [A-Z ]*PRIVATE KEY-----\r?\n[\s\S]{1,20000}-----END [A-Z ]*PRIVATE KEY-----\s*$/.test(text)
    ? undefined
    : 'must be a private key in PEM or OpenSSH form';

export class CreateRegistryAuthRequest {
  @TextField(displayName, { description: 'Unique in the tenant' })
  readonly name!: string;

  @ChoiceField(['dockerconfigjson', 'basic'], { description: 'Which of the fields below are used' })
  readonly type!: 'dockerconfigjson' | 'basic';

  @TextField(dockerConfig, {
    optional: true,
    description: 'dockerconfigjson: text of a Docker config.json. Write-only',
  })
  readonly dockerconfigjson?: string;

  @TextField(host, { optional: true, description: 'basic: host of the registry', example: 'registry.example' })
  readonly server?: string;

  @TextField(oneLine(255), { optional: true, description: 'basic: user name' })
  readonly username?: string;

  @TextField(oneLine(8192), { optional: true, description: 'basic: password or token. Write-only' })
  readonly password?: string;
}

export class CreateRepositoryAuthRequest {
  @TextField(displayName, { description: 'Unique in the tenant' })
  readonly name!: string;

  @ChoiceField(['token', 'basic', 'ssh_key'], { description: 'Which of the fields below are used' })
  readonly type!: 'token' | 'basic' | 'ssh_key';

  @TextField(oneLine(8192), { optional: true, description: 'token: the token. Write-only' })
  readonly token?: string;

  @TextField(oneLine(255), { optional: true, description: 'basic: user name; token: `oauth2` when absent' })
  readonly username?: string;

  @TextField(oneLine(8192), { optional: true, description: 'basic: password. Write-only' })
  readonly password?: string;

  @TextField(sshKey, { optional: true, description: 'ssh_key: private key without passphrase. Write-only' })
  readonly ssh_key?: string;

  @TextField(boundedText(1, 65_536), { optional: true, description: 'ssh_key: lines of a known_hosts file' })
  readonly known_hosts?: string;
}

/** Which fields each type needs, and which it may have besides. */
export const CREDENTIAL_FIELDS: Readonly<
  Record<string, { readonly required: readonly string[]; readonly optional: readonly string[] }>
> = {
  'registry.dockerconfigjson': { required: ['dockerconfigjson'], optional: [] },
  'registry.basic': { required: ['server', 'username', 'password'], optional: [] },
  'repository.token': { required: ['token'], optional: ['username'] },
  'repository.basic': { required: ['username', 'password'], optional: [] },
  'repository.ssh_key': { required: ['ssh_key', 'known_hosts'], optional: [] },
};

/** User name that goes with a token where the forge does not care for it. */
const TOKEN_USERNAME = 'oauth2';

/** Only called when the fields are checked. */
export function toRegistryAuthValue(request: CreateRegistryAuthRequest): RegistryAuthValue {
  return request.type === 'dockerconfigjson'
    ? { type: 'dockerconfigjson', dockerconfigjson: new Secret(request.dockerconfigjson ?? '') }
    : {
        type: 'basic',
        server: request.server ?? '',
        username: request.username ?? '',
        password: new Secret(request.password ?? ''),
      };
}

/** Only called when the fields are checked. */
export function toRepositoryAuthValue(request: CreateRepositoryAuthRequest): RepositoryAuthValue {
  if (request.type === 'ssh_key') {
    return { type: 'ssh_key', privateKey: new Secret(request.ssh_key ?? ''), knownHosts: request.known_hosts ?? '' };
  }
  return request.type === 'token'
    ? { type: 'token', username: request.username ?? TOKEN_USERNAME, token: new Secret(request.token ?? '') }
    : { type: 'basic', username: request.username ?? '', password: new Secret(request.password ?? '') };
}
