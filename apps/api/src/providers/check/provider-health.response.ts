import { PROVIDER_HEALTHS } from '@image-factory/domain';
import type { ProviderDetail } from '@image-factory/persistence';
import { orNull, Shown, ShownAs, timeOrNull } from '../../http/response/shown.js';
import { ConditionResponse, toConditionResponse } from '../manage/provider.response.js';

/** What is known of a provider's health. */
export class ProviderHealthResponse {
  @Shown('text', { choices: PROVIDER_HEALTHS }) readonly verdict!: string;
  @ShownAs(() => ConditionResponse, { list: true }) readonly conditions!: readonly ConditionResponse[];
  @Shown('time', { nullable: true, description: 'Since when it cannot be reached' }) readonly first_loss_at!:
    string | null;
  @Shown('time', { nullable: true }) readonly probed_at!: string | null;
  @Shown('boolean') readonly tekton_answers!: boolean;
  @Shown('boolean', { description: 'The watches on it are alive' }) readonly watch_fresh!: boolean;
  @Shown('text', { nullable: true }) readonly cluster_uid!: string | null;
  @Shown('object', { nullable: true, description: 'Version, latencies in ms, node counts' })
  readonly last_probe!: Readonly<Record<string, unknown>> | null;
}

export function toProviderHealthResponse(provider: ProviderDetail): ProviderHealthResponse {
  const { health } = provider;
  return {
    verdict: health.verdict,
    conditions: health.conditions.map(toConditionResponse),
    first_loss_at: timeOrNull(health.firstLossAt),
    probed_at: timeOrNull(health.probedAt),
    tekton_answers: health.tektonAnswers,
    watch_fresh: health.watchFresh,
    cluster_uid: orNull(provider.clusterUid),
    last_probe: orNull(provider.lastProbe),
  };
}
