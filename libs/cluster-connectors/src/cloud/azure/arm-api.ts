import { type CloudAttempt, cloudError, isRecord } from '../cloud-error.js';
import type { CloudHttp } from '../cloud-http.js';
import { AZURE_CLOUDS, type AzureCloud } from './azure-clouds.js';
import { armError, azureTokenError } from './azure-error.js';

/** Of Azure's API of managed clusters. */
const AKS_API_VERSION = '2025-10-01';

/** What is asked of Azure Resource Manager. */
export interface ArmRequest {
  readonly cloud: AzureCloud;
  readonly method: 'GET' | 'POST';
  /** Below the origin; or a whole URL that an answer named, as of the next page. */
  readonly path: string;
  readonly query?: string;
}

/** One answer of Azure Resource Manager. A token is sent to no other host. @throws DomainError a CloudReason */
export async function askArm(
  { cloud, method, path, query = '' }: ArmRequest,
  token: string,
  attempt: CloudAttempt,
  http: CloudHttp,
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>>> {
  const { arm } = AZURE_CLOUDS[cloud];
  const url = path.startsWith('/') ? `${arm}${path}?api-version=${AKS_API_VERSION}${query}` : path;
  const known = [arm, http.url(arm)].some((base) => URL.canParse(url) && new URL(url).origin === new URL(base).origin);
  if (!known) throw cloudError('CloudUnavailable', `${attempt.subject}: Azure names a page of another host.`);
  const answer = await http.json(method, url, token, signal).catch((error: unknown) => {
    throw azureTokenError(error, attempt.subject);
  });
  if (answer.status === 200 && isRecord(answer.body)) return answer.body;
  throw armError(answer, attempt);
}
