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

/** The client secret when there is one; else workload identity when its environment is there; else managed identity. */
async function credentialOf(identity: AzureIdentity, clientOf: (route: CloudRoute) => never): Promise<Credential> {
  const { clientId, tenantId, clientSecret } = identity;
  const { ClientSecretCredential, ManagedIdentityCredential, WorkloadIdentityCredential } =
    await import('@azure/identity');
  const policed = {
    authorityHost: AZURE_CLOUDS[identity.cloud].authority,
    retryOptions: { maxRetries: 1 },
    httpClient: clientOf('api'),
  };
  if (clientSecret !== undefined && clientId !== undefined && tenantId !== undefined) {
    return new ClientSecretCredential(tenantId, clientId, clientSecret, policed);
  }
  try {
    return new WorkloadIdentityCredential({
      ...policed,
      ...(clientId === undefined ? {} : { clientId }),
      ...(tenantId === undefined ? {} : { tenantId }),
    });
  } catch {
    // Its environment is not there. What a managed identity asks is the host's own endpoint, which no config names.
    return new ManagedIdentityCredential({
      ...(clientId === undefined ? {} : { clientId }),
      ...policed,
      httpClient: clientOf('host'),
    });
  }
}
