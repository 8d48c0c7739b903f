import type { EndingValue } from '../../broker/renewed-value.js';
import type { CloudHttp } from '../cloud-http.js';
import { azureTokenError } from './azure-error.js';
import { azureHttpClient } from './azure-http-client.js';

/** Who asks Microsoft Entra. */
export interface AzureIdentity {
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
  try {
    const credential = await credentialOf(identity, http);
    const found = await credential.getToken(scope, { abortSignal: signal });
    if (found === null) throw new Error('no token');
    return { value: found.token, expiresAt: new Date(found.expiresOnTimestamp - MARGIN_MS) };
  } catch (error) {
    throw azureTokenError(error, name);
  }
}

/** The client secret when there is one; else workload identity when its environment is there; else managed identity. */
async function credentialOf({ clientId, tenantId, clientSecret }: AzureIdentity, http: CloudHttp): Promise<Credential> {
  const { ClientSecretCredential, ManagedIdentityCredential, WorkloadIdentityCredential } =
    await import('@azure/identity');
  const policed = { retryOptions: { maxRetries: 1 }, httpClient: azureHttpClient(http.fetch('api')) };
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
      httpClient: azureHttpClient(http.fetch('host')),
    });
  }
}
