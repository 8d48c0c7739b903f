import { Secret } from '@image-factory/domain';
import { answerError, refused, unauthorized, type RegistryAsk } from '../errors/registry-error.js';
import type { RegistryTransport } from '../http/registry-transport.js';
import type { Challenge } from './challenge.js';
import type { RegistryCredential } from './docker-config.js';

/** What an authorisation is for. */
export interface AuthorizationRequest {
  readonly challenges: readonly Challenge[];
  readonly credential: RegistryCredential | undefined;
  /** `repository:<path>:pull` or `…:pull,push`. */
  readonly scope: string;
  readonly ask: RegistryAsk;
  /** Whether a realm on this `host[:port]` may be asked over plain HTTP. */
  readonly mayUseHttp: (host: string) => boolean;
  readonly signal?: AbortSignal | undefined;
}

const MAX_TOKEN_BYTES = 1024 * 1024;

/**
 * Answers a registry's challenge with the value of an Authorization header: Bearer by the distribution token
 * specification (GET with Basic, or the OAuth2 POST for an identity token), else Basic (RFC 7617).
 */
export async function authorize(transport: RegistryTransport, wanted: AuthorizationRequest): Promise<Secret> {
  const { credential, ask } = wanted;
  const bearer = wanted.challenges.find((challenge) => challenge.scheme === 'bearer');
  if (bearer !== undefined) {
    if (credential?.kind === 'registry-token') return new Secret(`Bearer ${credential.token.reveal()}`);
    return await fetchToken(transport, bearer, wanted);
  }
  if (wanted.challenges.some((challenge) => challenge.scheme === 'basic')) {
    if (credential?.kind === 'basic') return new Secret(basicHeader(credential));
    throw unauthorized(ask, 'it asks for a user name and password and none is stored for this host');
  }
  throw unauthorized(ask, 'it names no way to authenticate that we know (Bearer, Basic)');
}

async function fetchToken(
  transport: RegistryTransport,
  bearer: Challenge,
  wanted: AuthorizationRequest,
): Promise<Secret> {
  const { credential, ask } = wanted;
  const realm = realmUrl(bearer, wanted);
  const fields = tokenFields(bearer, wanted);
  const request =
    credential?.kind === 'identity-token' ? postFor(realm, fields, credential) : getFor(realm, fields, credential);
  const answer = await transport.send({
    ...request,
    ask: { what: 'token', host: realm.host },
    maxBytes: MAX_TOKEN_BYTES,
    signal: wanted.signal,
  });
  if (answer.status === 400 || answer.status === 404)
    throw unauthorized(ask, `its token service answered HTTP ${answer.status}`);
  if (answer.status !== 200) {
    throw answerError(
      { what: 'token', host: realm.host },
      answer.status,
      answer.body,
      first(answer.headers['retry-after']),
    );
  }
  const token = tokenOf(answer.body);
  if (token === undefined) throw refused(ask, 'its token service answered without a token');
  return new Secret(`Bearer ${token}`);
}

function realmUrl(bearer: Challenge, wanted: AuthorizationRequest): URL {
  let realm: URL;
  try {
    realm = new URL(bearer.parameters['realm'] ?? '');
  } catch {
    throw refused(wanted.ask, 'its challenge has no absolute realm URL');
  }
  const http = realm.protocol === 'http:' && wanted.mayUseHttp(realm.host);
  if ((realm.protocol !== 'https:' && !http) || realm.username !== '' || realm.password !== '') {
    throw refused(wanted.ask, `its token realm ${realm.host} is not https, so no credential is sent there`);
  }
  return realm;
}

/** The wanted scope, and the challenged one when that names another resource. */
function tokenFields(bearer: Challenge, wanted: AuthorizationRequest): [string, string][] {
  const fields: [string, string][] = [];
  const service = bearer.parameters['service'];
  if (service !== undefined) fields.push(['service', service]);
  const resource = wanted.scope.slice(0, wanted.scope.lastIndexOf(':') + 1);
  const challenged = (bearer.parameters['scope'] ?? '').split(' ');
  const others = challenged.filter((scope) => scope !== '' && !scope.startsWith(resource));
  for (const scope of [wanted.scope, ...others]) fields.push(['scope', scope]);
  return fields;
}

function getFor(realm: URL, fields: readonly [string, string][], credential: RegistryCredential | undefined) {
  const url = new URL(realm);
  for (const [name, value] of fields) url.searchParams.append(name, value);
  const headers: Record<string, string> = {};
  if (credential?.kind === 'basic') {
    url.searchParams.append('account', credential.username);
    headers['authorization'] = basicHeader(credential);
  }
  return { method: 'GET' as const, url, headers };
}

function postFor(
  realm: URL,
  fields: readonly [string, string][],
  credential: RegistryCredential & { kind: 'identity-token' },
) {
  const form = new URLSearchParams();
  form.append('grant_type', 'refresh_token');
  form.append('refresh_token', credential.token.reveal());
  form.append('client_id', 'image-factory');
  const scopes = fields.filter(([name]) => name === 'scope').map(([, value]) => value);
  for (const [name, value] of fields) if (name !== 'scope') form.append(name, value);
  form.append('scope', scopes.join(' '));
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return { method: 'POST' as const, url: realm, headers, body: form.toString() };
}

function tokenOf(body: Buffer): string | undefined {
  try {
    const parsed = JSON.parse(body.toString('utf8')) as { token?: unknown; access_token?: unknown };
    const token = typeof parsed.token === 'string' && parsed.token !== '' ? parsed.token : parsed.access_token;
    return typeof token === 'string' && /^[\x21-\x7e]+$/.test(token) ? token : undefined;
  } catch {
    return undefined;
  }
}

function basicHeader(credential: RegistryCredential & { kind: 'basic' }): string {
  return `Basic ${Buffer.from(`${credential.username}:${credential.password.reveal()}`, 'utf8').toString('base64')}`;
}

function first(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}
