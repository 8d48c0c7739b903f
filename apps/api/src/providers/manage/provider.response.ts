import {
  capabilitiesWithOrigin,
  type Condition,
  labelsWithOrigin,
  PROVIDER_HEALTHS,
  PROVIDER_SOURCES,
  PROVIDER_STATES,
  PROVIDER_TYPES,
} from '@image-factory/domain';
import { type ProviderDetail, SECRET_CONFIG_FIELDS } from '@image-factory/persistence';
import { CapabilityResponse, DetectedResponse, LabelResponse, toDetectedResponse } from './detected.response.js';
import { orNull, Shown, ShownAs, timeOrNull } from '../../http/response/shown.js';

export class ProviderCredentialResponse {
  @Shown('text', { nullable: true }) readonly auth_method!: string | null;
  @Shown('text', { nullable: true }) readonly fingerprint!: string | null;
  @Shown('integer') readonly version!: number;
  @Shown('time', { nullable: true }) readonly expires_at!: string | null;
  @Shown('time', { nullable: true, description: 'To the minute' }) readonly last_used_at!: string | null;
}

/** A provider without its secrets. */
export class ProviderResponse {
  @Shown('id') readonly id!: string;
  @Shown('text') readonly name!: string;
  @Shown('text', { choices: PROVIDER_TYPES }) readonly provider_type!: string;
  @Shown('text', { choices: PROVIDER_SOURCES }) readonly source!: string;
  @Shown('text', { choices: PROVIDER_STATES, description: 'What an admin wants' }) readonly status!: string;
  @Shown('text', { nullable: true, description: 'Why an admin wants it' }) readonly status_reason!: string | null;
  @Shown('text', { nullable: true, example: 'user:ops' }) readonly status_changed_by!: string | null;
  @Shown('time', { nullable: true }) readonly status_changed_at!: string | null;
  @Shown('time', { nullable: true }) readonly drain_deadline!: string | null;
  @Shown('text', { choices: PROVIDER_HEALTHS, description: 'What probes say' }) readonly health!: string;
  @Shown('boolean') readonly is_global!: boolean;
  @Shown('boolean') readonly is_default!: boolean;
  @Shown('object', { description: 'Without secrets' }) readonly config!: Readonly<Record<string, unknown>>;
  @ShownAs(() => ProviderCredentialResponse) readonly credential!: ProviderCredentialResponse;
  @Shown('texts') readonly capabilities!: readonly string[];
  @Shown('map') readonly labels!: Readonly<Record<string, string>>;
  @Shown('integer', { description: '0 means no limit' }) readonly max_concurrent_builds!: number;
  @Shown('integer', { description: 'Builds there now' }) readonly running!: number;
  @Shown('text', { nullable: true }) readonly region!: string | null;
  @Shown('number', { nullable: true }) readonly price_per_minute!: number | null;
  @Shown('boolean') readonly allow_privileged!: boolean;
  @Shown('object', { nullable: true, description: 'Where its source names it: line of the file, or key in its cloud' })
  readonly source_ref!: Readonly<Record<string, unknown>> | null;
  @Shown('time', { nullable: true, description: 'Since when its source no longer names it' })
  readonly retired_at!: string | null;
  @ShownAs(() => CapabilityResponse, { list: true, description: 'Declared and detected' })
  readonly known_capabilities!: readonly CapabilityResponse[];
  @ShownAs(() => LabelResponse, { list: true, description: 'Declared and detected' })
  readonly known_labels!: readonly LabelResponse[];
  @ShownAs(() => DetectedResponse, {
    nullable: true,
    description: 'What was found on the cluster; null: not looked at',
  })
  readonly detected!: DetectedResponse | null;
  @Shown('integer', { description: 'Counts changes of its config' }) readonly generation!: number;
  @Shown('time') readonly created_at!: string;
  @Shown('time') readonly updated_at!: string;
}

export function toProviderResponse(provider: ProviderDetail): ProviderResponse {
  return {
    id: provider.id,
    name: provider.name,
    provider_type: provider.type,
    source: provider.source,
    status: provider.state,
    status_reason: orNull(provider.stateChange.reason),
    status_changed_by: orNull(provider.stateChange.actor),
    status_changed_at: timeOrNull(provider.stateChange.at),
    drain_deadline: timeOrNull(provider.drainDeadlineAt),
    health: provider.health.verdict,
    is_global: provider.isGlobal,
    is_default: provider.isDefault,
    config: withoutSecrets(provider.config),
    credential: {
      auth_method: orNull(provider.settings.authMethod),
      fingerprint: orNull(provider.credential.fingerprint),
      version: provider.credential.version,
      expires_at: timeOrNull(provider.credential.expiresAt),
      last_used_at: timeOrNull(provider.credential.lastUsedAt),
    },
    capabilities: provider.capabilities,
    labels: provider.labels,
    max_concurrent_builds: provider.maxConcurrentBuilds,
    running: provider.running,
    region: orNull(provider.region),
    price_per_minute: orNull(provider.pricePerMinute),
    allow_privileged: provider.allowPrivileged,
    source_ref: orNull(provider.sourceRef),
    retired_at: timeOrNull(provider.retiredAt),
    known_capabilities: capabilitiesWithOrigin(provider),
    known_labels: labelsWithOrigin(provider),
    detected: provider.detected === undefined ? null : toDetectedResponse(provider.detected),
    generation: provider.generation,
    created_at: provider.createdAt.toISOString(),
    updated_at: provider.updatedAt.toISOString(),
  };
}

/** The store keeps secrets apart; should one ever stand among the settings, it is not shown either. */
function withoutSecrets(config: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(config).filter(([field]) => !SECRET_CONFIG_FIELDS.includes(field)));
}

export class ConditionResponse {
  @Shown('text', { example: 'Reachable' }) readonly type!: string;
  @Shown('text', { choices: ['True', 'False', 'Unknown'] }) readonly status!: string;
  @Shown('text') readonly reason!: string;
  @Shown('text') readonly message!: string;
  @Shown('time') readonly last_transition_time!: string;
}

export function toConditionResponse(condition: Condition): ConditionResponse {
  return {
    type: condition.type,
    status: condition.status,
    reason: condition.reason,
    message: condition.message,
    last_transition_time: condition.lastTransitionTime.toISOString(),
  };
}
