import type { EKSClientConfig } from '@aws-sdk/client-eks';

/** How a cloud with a REST API is asked: where, and as whom. */
export interface RestAccess {
  /** Origin of the API. */
  readonly origin: string;
  /** A bearer token for it. @throws what the credential's library throws */
  token(signal: AbortSignal): Promise<string>;
}

/**
 * Where and as whom the clouds are asked. The one place where endpoints and credentials of discovery are decided;
 * everything else takes what is here.
 */
export interface CloudAccess {
  /** The EKS client's settings beside its region: endpoint, credentials, retries. */
  readonly eks: EKSClientConfig;
  readonly gcp: RestAccess;
  readonly azure: RestAccess;
  readonly fetch: typeof globalThis.fetch;
  /** Waits between tries. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

const GCP_SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
const ARM_SCOPE = 'https://management.azure.com/.default';

/**
 * The credentials that the process has in each cloud: the default chain of each library. Nothing is loaded or asked until
 * a cloud is.
 */
export function ownCloudAccess({ fetch, sleep }: Pick<CloudAccess, 'fetch' | 'sleep'>): CloudAccess {
  return {
    eks: { maxAttempts: 5 },
    gcp: { origin: 'https://container.googleapis.com', token: googleToken() },
    azure: { origin: 'https://management.azure.com', token: azureToken() },
    fetch,
    sleep,
  };
}

function googleToken(): RestAccess['token'] {
  let auth: Promise<{ getAccessToken(): Promise<string | null | undefined> }> | undefined;
  return async () => {
    auth ??= import('google-auth-library').then(({ GoogleAuth }) => new GoogleAuth({ scopes: [GCP_SCOPE] }));
    const token = await (await auth).getAccessToken();
    if (token == null || token === '') throw new Error('the default credentials of Google Cloud gave no token');
    return token;
  };
}

function azureToken(): RestAccess['token'] {
  let credential: Promise<AzureCredential> | undefined;
  return async (abortSignal) => {
    credential ??= import('@azure/identity').then(({ DefaultAzureCredential }) => new DefaultAzureCredential());
    const { token } = await (await credential).getToken(ARM_SCOPE, { abortSignal });
    return token;
  };
}

/** The part of a credential of @azure/identity that is used. */
interface AzureCredential {
  getToken(scope: string, options: { abortSignal: AbortSignal }): Promise<{ token: string }>;
}
