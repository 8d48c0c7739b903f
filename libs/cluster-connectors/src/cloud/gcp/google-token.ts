import type { EndingValue } from '../../broker/renewed-value.js';
import { cloudError } from '../cloud-error.js';
import type { CloudHttp } from '../cloud-http.js';
import { googleApiError, googleTokenError } from './google-error.js';

const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
const LIFE_SECONDS = 3_600;
/** Where Google's public cloud is; others (Trusted Partner Cloud) have hosts of their own, which are not spoken to. */
export const GOOGLE_UNIVERSE = 'googleapis.com';
/** So much of a token's life is kept back, for requests that are under way and clocks that differ. */
const MARGIN_MS = 60_000;

/** Who asks Google. */
export interface GoogleIdentity {
  /** Project of the cluster: given, so that the library does not look for one. */
  readonly projectId: string;
  /** A service account's key; the process's own identity (application default credentials) without one. */
  readonly key: { readonly email: string; readonly privateKey: string } | undefined;
  /** Service account to impersonate. */
  readonly serviceAccount: string | undefined;
}

/**
 * A new access token. Each call makes a client of its own: the library's clients cache, and a token that was refused
 * must not come again. Application default credentials are those of the operator: a file that
 * GOOGLE_APPLICATION_CREDENTIALS names (workload identity federation too), or the metadata server.
 */
export async function googleToken(
  name: string,
  { projectId, key, serviceAccount }: GoogleIdentity,
  http: CloudHttp,
  signal: AbortSignal,
): Promise<EndingValue<string>> {
  const own = key === undefined ? await ambientToken(name, projectId, http) : await keyToken(name, key, http);
  return serviceAccount === undefined ? own : impersonate(name, serviceAccount, own.value, http, signal);
}

async function keyToken(
  name: string,
  key: { readonly email: string; readonly privateKey: string },
  http: CloudHttp,
): Promise<EndingValue<string>> {
  const { JWT } = await import('google-auth-library');
  const client = new JWT({
    email: key.email,
    key: key.privateKey,
    scopes: [SCOPE],
    transporterOptions: { fetchImplementation: http.fetch('api'), retry: false },
  });
  return tokenOf(name, client);
}

async function ambientToken(name: string, projectId: string, http: CloudHttp): Promise<EndingValue<string>> {
  const { Compute, GoogleAuth } = await import('google-auth-library');
  const clientOptions = { transporterOptions: { fetchImplementation: http.fetch('identity'), retry: false } };
  const auth = new GoogleAuth({ scopes: [SCOPE], projectId, clientOptions: clientOptions as never });
  try {
    const client = await auth.getClient();
    refuseUniverse(name, client instanceof Compute ? await hostUniverse(auth) : client.universeDomain);
    policeExchange(client);
    return await tokenOf(name, client);
  } catch (error) {
    throw googleTokenError(error, name);
  }
}

/** The universe of this host, as its metadata server says; one that does not say so is in Google's own. */
async function hostUniverse(auth: {
  readonly getUniverseDomainFromMetadataServer: () => Promise<string>;
}): Promise<string | undefined> {
  try {
    return await auth.getUniverseDomainFromMetadataServer();
  } catch (error) {
    const { status = 500 } = (error as { readonly response?: { readonly status?: number } }).response ?? {};
    if (status >= 400 && status < 500) return undefined;
    throw error;
  }
}

/** The credentials of another universe are not sent to Google's public cloud. */
function refuseUniverse(name: string, universe = GOOGLE_UNIVERSE): void {
  if (universe === GOOGLE_UNIVERSE) return;
  throw cloudError(
    'CloudCredentialMissing',
    `${name}: the credentials of this process are of another universe than ${GOOGLE_UNIVERSE}, which is the only one that is spoken to.`,
  );
}

/**
 * The exchange of a federated token makes a transporter of its own and would so go past the egress rules; that of a
 * certificate is left alone, because it holds the certificate.
 */
function policeExchange(client: object): void {
  const { stsCredential, transporter } = client as {
    readonly stsCredential?: { transporter: unknown };
    readonly transporter?: { readonly defaults?: { readonly agent?: unknown } };
  };
  if (stsCredential !== undefined && transporter?.defaults?.agent === undefined)
    stsCredential.transporter = transporter;
}

interface TokenClient {
  readonly credentials: { readonly expiry_date?: number | null };
  getAccessToken(): Promise<{ token?: string | null }>;
}

async function tokenOf(name: string, client: TokenClient): Promise<EndingValue<string>> {
  try {
    const { token } = await client.getAccessToken();
    const expiryMs = client.credentials.expiry_date;
    if (typeof token !== 'string' || typeof expiryMs !== 'number') {
      throw cloudError('CloudUnavailable', `${name}: Google answered without a token; it is tried again by itself.`);
    }
    return { value: token, expiresAt: new Date(expiryMs - MARGIN_MS) };
  } catch (error) {
    throw googleTokenError(error, name);
  }
}

/** Service Account Credentials API, `generateAccessToken`. */
async function impersonate(
  name: string,
  account: string,
  token: string,
  http: CloudHttp,
  signal: AbortSignal,
): Promise<EndingValue<string>> {
  const url = `https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/${encodeURIComponent(account)}:generateAccessToken`;
  const answer = await http
    .json('POST', url, token, signal, { scope: [SCOPE], lifetime: `${LIFE_SECONDS}s` })
    .catch((error: unknown) => {
      throw googleTokenError(error, name);
    });
  const { accessToken, expireTime } = (answer.body ?? {}) as { accessToken?: unknown; expireTime?: unknown };
  const expiryMs = Date.parse(String(expireTime));
  if (answer.status !== 200 || typeof accessToken !== 'string' || Number.isNaN(expiryMs)) {
    throw googleApiError(answer, {
      subject: name,
      doing: `impersonating ${account}`,
      cure: 'grant the identity of this process roles/iam.serviceAccountTokenCreator on that account',
      missing: 'there is no such service account; check service_account',
    });
  }
  return { value: accessToken, expiresAt: new Date(expiryMs - MARGIN_MS) };
}
