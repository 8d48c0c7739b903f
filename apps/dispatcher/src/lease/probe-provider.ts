import {
  CLOUD_REASONS,
  outcomeOf,
  PRESSURE_DEFAULTS,
  type ClusterConnectionProvider,
} from '@image-factory/cluster-connectors';
import { isDomainError, type ProviderRepository, type Reason } from '@image-factory/domain';

/**
 * What one dispatcher knows of a provider by asking it now. `reached`: the API server answered, a refusal too. `failed`: it
 * was asked and did not answer, or cannot be asked from here. `notAsked`: nothing was sent for a cause that lies with us,
 * which says nothing of the provider: only `failed` counts towards its loss (correctness rule 7).
 */
export type ProbeAnswer = 'reached' | 'failed' | 'notAsked';

/** There are five seconds for the answer after the longest wait for a turn: who was late here has not failed to be reached. */
const PROBE_TIMEOUT_MS = PRESSURE_DEFAULTS.maxWaitMs + 5_000;

const NOT_REACHED: readonly Reason[] = [
  'ClusterUnreachable',
  'ClusterTlsFailed',
  'ClusterUnavailable',
  'CredentialUnreadable',
  'ClusterEndpointPrivate',
  ...CLOUD_REASONS,
];

/** Asks a provider's API server anything at all; our own host is always reached. Never throws. */
export async function probeProvider(
  providers: Pick<ProviderRepository, 'find'>,
  connections: Pick<ClusterConnectionProvider, 'withConnection'>,
  providerId: string,
): Promise<ProbeAnswer> {
  try {
    if ((await providers.find(providerId))?.type === 'local') return 'reached';
    const request = { requestClass: 'probe', method: 'GET', path: '/version', timeoutMs: PROBE_TIMEOUT_MS } as const;
    await connections.withConnection(providerId, (connection) => connection.request(request));
    return 'reached';
  } catch (error) {
    return answerOf(error);
  }
}

function answerOf(error: unknown): ProbeAnswer {
  if (!isDomainError(error) || error.reason === 'DatabaseUnavailable') return 'notAsked';
  if (error.reason === 'ClusterThrottled' && outcomeOf(error) === 'notSent') return 'notAsked';
  return NOT_REACHED.includes(error.reason) ? 'failed' : 'reached';
}
