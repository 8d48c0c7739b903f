import { explainingCondition, PROVIDER_HEALTHS } from '@image-factory/domain';
import type { DispatcherSight, KeptProbe, ProviderDetail } from '@image-factory/persistence';
import { orNull, Shown, ShownAs, timeOrNull } from '../../http/response/shown.js';
import { ConditionResponse, toConditionResponse } from '../manage/provider.response.js';
import { apiLatency, ApiLatencyResponse } from './api-latency.js';

/** One probe as it was made. */
export class ProbeResponse {
  @Shown('time') readonly probed_at!: string;
  @Shown('text', { choices: PROVIDER_HEALTHS, description: 'What this probe alone said' }) readonly verdict!: string;
  @Shown('text', { nullable: true }) readonly reason!: string | null;
  @Shown('text', { nullable: true }) readonly message!: string | null;
  @Shown('integer', { nullable: true }) readonly version_ms!: number | null;
  @Shown('integer', { nullable: true }) readonly tekton_ms!: number | null;
  @Shown('integer', { nullable: true }) readonly nodes_ms!: number | null;
}

/** What one dispatcher sees of a provider. */
export class DispatcherSightResponse {
  @Shown('id') readonly dispatcher_id!: string;
  @Shown('number', { nullable: true, description: 'Of its slowest watch there' }) readonly watch_age_seconds!:
    number | null;
  @Shown('text', { nullable: true, choices: ['idle', 'in_use', 'draining'] }) readonly connection!: string | null;
}

/** What is known of a provider's health. */
export class ProviderHealthResponse {
  @Shown('text', { choices: PROVIDER_HEALTHS }) readonly verdict!: string;
  @Shown('text', { nullable: true, description: 'Of the Condition that explains the verdict' }) readonly reason!:
    string | null;
  @Shown('text', { nullable: true }) readonly message!: string | null;
  @ShownAs(() => ConditionResponse, { list: true }) readonly conditions!: readonly ConditionResponse[];
  @Shown('time', { nullable: true, description: 'Since when it cannot be reached' }) readonly first_loss_at!:
    string | null;
  @Shown('time', { nullable: true }) readonly probed_at!: string | null;
  @Shown('boolean') readonly tekton_answers!: boolean;
  @Shown('boolean', { description: 'The watches on it are alive' }) readonly watch_fresh!: boolean;
  @Shown('number', { nullable: true, description: 'Of the slowest watch of any dispatcher' })
  readonly watch_age_seconds!: number | null;
  @Shown('text', { nullable: true }) readonly cluster_uid!: string | null;
  @Shown('object', { nullable: true, description: 'Version, latencies in ms, node counts' })
  readonly last_probe!: Readonly<Record<string, unknown>> | null;
  @ShownAs(() => ApiLatencyResponse, { nullable: true, description: 'Over the last probes' })
  readonly api_latency!: ApiLatencyResponse | null;
  @ShownAs(() => ProbeResponse, { list: true, description: 'Newest first' })
  readonly last_probes!: readonly ProbeResponse[];
  @ShownAs(() => DispatcherSightResponse, { list: true }) readonly dispatchers!: readonly DispatcherSightResponse[];
}

export function toProviderHealthResponse(
  provider: ProviderDetail,
  probes: readonly KeptProbe[],
  sights: readonly DispatcherSight[],
): ProviderHealthResponse {
  const { health } = provider;
  const explains = ['healthy', 'unknown'].includes(health.verdict) ? undefined : explainingCondition(health.conditions);
  const ages = sights.flatMap(({ watchAgeMs }) => (watchAgeMs === undefined ? [] : [watchAgeMs]));
  return {
    verdict: health.verdict,
    reason: orNull(explains?.reason),
    message: orNull(explains?.message),
    conditions: health.conditions.map(toConditionResponse),
    first_loss_at: timeOrNull(health.firstLossAt),
    probed_at: timeOrNull(health.probedAt),
    tekton_answers: health.tektonAnswers,
    watch_fresh: health.watchFresh,
    watch_age_seconds: ages.length === 0 ? null : Math.max(...ages) / 1000,
    cluster_uid: orNull(provider.clusterUid),
    last_probe: orNull(provider.lastProbe),
    api_latency: orNull(apiLatency(probes.map(({ versionMs }) => versionMs))),
    last_probes: probes.map(toProbeResponse),
    dispatchers: sights.map(({ dispatcherId, watchAgeMs, connection }) => ({
      dispatcher_id: dispatcherId,
      watch_age_seconds: watchAgeMs === undefined ? null : watchAgeMs / 1000,
      connection: orNull(connection),
    })),
  };
}

function toProbeResponse(probe: KeptProbe): ProbeResponse {
  return {
    probed_at: probe.probedAt.toISOString(),
    verdict: probe.verdict,
    reason: orNull(probe.reason),
    message: orNull(probe.message),
    version_ms: orNull(probe.versionMs),
    tekton_ms: orNull(probe.tektonMs),
    nodes_ms: orNull(probe.nodesMs),
  };
}
