import type { DomainError } from '@image-factory/domain';
import type { EndingValue } from '../../broker/renewed-value.js';
import type { CloudHttp, CloudRoute } from '../cloud-http.js';
import { AZURE_CLOUDS, type AzureCloud } from './azure-clouds.js';
import { azureTokenError } from './azure-error.js';
import { azureHttpClient } from './azure-http-client.js';

/** Who asks Microsoft Entra. */
export interface AzureIdentity {
  readonly cloud: AzureCloud;
  readonly clientId: string | undefined;
  readonly tenantId: string | undefined;
  readonly clientSecret: string | undefined;
}

/** So much of a token's life is kept back, for requests that are under way and clocks that differ. */
const MARGIN_MS = 60_000;

interface Credential {
  getToken(
    scope: string,
    options: { abortSignal: AbortSignal },
  ): Promise<{ token: string; expiresOnTimestamp: number } | null>;
}

/**
 * A new access token for a scope. Each call makes a credential of its own, because theirs cache and a token that was
 * refused must not come again (a managed identity's is cached by the host until it ends, whoever asks).
 */
export async function azureToken(
  name: string,
  identity: AzureIdentity,
  scope: string,
  http: CloudHttp,
  signal: AbortSignal,
): Promise<EndingValue<string>> {
  let refused: DomainError | undefined;
  const clientOf = (route: CloudRoute): never =>
    azureHttpClient(http.fetch(route), (refusal) => {
      refused = refusal;
    });
  try {
    const credential = await credentialOf(identity, clientOf);
    const found = await credential.getToken(scope, { abortSignal: signal });
    if (found === null) throw new Error('no token');
    return { value: found.token, expiresAt: new Date(found.expiresOnTimestamp - MARGIN_MS) };
  } catch (error) {
    throw azureTokenError(refused ?? error, name);
  }
}

/**
 * The client secret when there is one. Else what the process has: a client that its environment names (not when the config
 * names another), workload identity, or the managed identity of its host.
 */
async function credentialOf(identity: AzureIdentity, clientOf: (route: CloudRoute) => never): Promise<Credential> {
  const { clientId, tenantId, clientSecret } = identity;
  const { ClientSecretCredential, EnvironmentCredential } = await import('@azure/identity');
  const policed: Policed = {
    authorityHost: AZURE_CLOUDS[identity.cloud].authority,
    retryOptions: { maxRetries: 1 },
    httpClient: clientOf('api'),
  };
  if (clientSecret !== undefined && clientId !== undefined && tenantId !== undefined) {
    return new ClientSecretCredential(tenantId, clientId, clientSecret, policed);
  }
  const ambient = await ambientCredential(identity, policed, clientOf);
  if (clientId !== undefined) return ambient;
  const environment = new EnvironmentCredential(policed);
  return {
    getToken: (scope, options) =>
      environment.getToken(scope, options).catch((error: Error) => {
        if (error.name !== 'CredentialUnavailableError') throw error;
        return ambient.getToken(scope, options);
      }),
  };
}

/** What every credential is told: who gives tokens, and by whose HTTP. */
interface Policed {
  readonly authorityHost: string;
  readonly retryOptions: { readonly maxRetries: number };
  readonly httpClient: never;
}

/** Workload identity when its environment is there; else managed identity, whose endpoint no config names. */
async function ambientCredential(
  { clientId, tenantId }: AzureIdentity,
  policed: Policed,
  clientOf: (route: CloudRoute) => never,
): Promise<Credential> {
  const { ManagedIdentityCredential, WorkloadIdentityCredential } = await import('@azure/identity');
  const client = clientId === undefined ? {} : { clientId };
  try {
    return new WorkloadIdentityCredential({ ...policed, ...client, ...(tenantId === undefined ? {} : { tenantId }) });
  } catch {
    return new ManagedIdentityCredential({ ...policed, ...client, httpClient: clientOf('host') });
  }
}
