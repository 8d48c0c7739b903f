import { type CloudAttempt, isRecord } from '../cloud-error.js';
import type { CloudHttp } from '../cloud-http.js';
import { googleApiError, googleTokenError } from './google-error.js';

/** Where GKE's API is, before redirects. */
const GKE_API = 'https://container.googleapis.com';

/** One answer of GKE's API, below `/v1`. @throws DomainError a CloudReason */
export async function askGke(
  path: string,
  token: string,
  attempt: CloudAttempt,
  http: CloudHttp,
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>>> {
  const answer = await http.json('GET', `${GKE_API}/v1/${path}`, token, signal).catch((error: unknown) => {
    throw googleTokenError(error, attempt.subject);
  });
  if (answer.status === 200 && isRecord(answer.body)) return answer.body;
  throw googleApiError(answer, attempt);
}
