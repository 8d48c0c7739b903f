import type {
  Condition,
  ConditionStatus,
  DetectedCapabilities,
  Provider,
  ProviderHealth,
  ProviderSettings,
  ProviderSource,
  ProviderState,
  ProviderType,
} from '@image-factory/domain';
import { worseHealth } from '@image-factory/domain';
import { orUndefined } from '../sql/assignments.js';

/** Config fields without secrets, by product.md's names: what `providers.settings` holds. */
export type StoredSettings = Readonly<Record<string, unknown>>;

/** A provider as admins see it: with the facts of its credential, without the credential. */
export interface ProviderDetail extends Provider {
  readonly config: StoredSettings;
  readonly credential: ProviderCredentialFacts;
  readonly clusterUid: string | undefined;
  /** Where its source names it: line of the file, or key in its cloud. */
  readonly sourceRef: Readonly<Record<string, unknown>> | undefined;
  /** Who wanted its state, why and since when; undefined where nobody has changed it. */
  readonly stateChange: {
    readonly reason: string | undefined;
    readonly actor: string | undefined;
    readonly at: Date | undefined;
  };
  /** What the last probe saw: version, latencies in ms, node counts. */
  readonly lastProbe: Readonly<Record<string, unknown>> | undefined;
}

export interface ProviderCredentialFacts {
  /** Undefined when the method needs no secret. */
  readonly fingerprint: string | undefined;
  readonly version: number;
  readonly expiresAt: Date | undefined;
  readonly lastUsedAt: Date | undefined;
}

/** A row of {@link PROVIDER_SELECT}. */
export interface ProviderRow {
  id: string;
  name: string;
  provider_type: ProviderType;
  source: ProviderSource;
  is_global: boolean;
  is_default: boolean;
  state: ProviderState;
  drain_deadline_at: Date | null;
  state_reason: string | null;
  state_changed_by: string | null;
  state_changed_at: Date | null;
  generation: number;
  settings: StoredSettings;
  credential_fingerprint: string | null;
  credential_version: number;
  credential_expires_at: Date | null;
  credential_last_used_at: Date | null;
  capabilities: string[];
  labels: Record<string, string>;
  max_concurrent_builds: number;
  running: number;
  unswept: number;
  sweep_behind: boolean;
  region: string | null;
  price_per_minute: string | null;
  allow_privileged: boolean;
  shard_count: number;
  cluster_uid: string | null;
  health: ProviderHealth;
  tekton_answers: boolean;
  watch_fresh: boolean;
  first_loss_at: Date | null;
  probed_at: Date | null;
  last_probe: Record<string, unknown> | null;
  conditions: { type: string; status: ConditionStatus; reason: string; message: string; at: string }[] | null;
  source_ref: Record<string, unknown> | null;
  retired_at: Date | null;
  detected: DetectedCapabilities | null;
  created_at: Date;
  updated_at: Date;
}

/** Every column but the sealed one, with the provider's Conditions. */
export const PROVIDER_SELECT = `
  SELECT p.id, p.name, p.provider_type, p.source, p.is_global, p.is_default, p.state, p.drain_deadline_at, p.generation,
         p.state_reason, p.state_changed_by, p.state_changed_at,
         p.settings, p.credential_fingerprint, p.credential_version, p.credential_expires_at, p.credential_last_used_at,
         p.capabilities, p.labels, p.max_concurrent_builds, p.running, p.unswept, p.sweep_behind, p.region, p.price_per_minute, p.allow_privileged,
         p.shard_count, p.cluster_uid, p.health, p.tekton_answers, p.watch_fresh, p.first_loss_at, p.probed_at,
         p.last_probe, p.source_ref, p.retired_at, p.detected, p.created_at, p.updated_at,
         (SELECT json_agg(json_build_object('type', c.type, 'status', c.status, 'reason', c.reason, 'message', c.message,
                                            'at', c.last_transition_at) ORDER BY c.type)
            FROM provider_conditions c WHERE c.provider_id = p.id) AS conditions
    FROM providers p`;

export function toProviderDetail(row: ProviderRow): ProviderDetail {
  return {
    id: row.id,
    name: row.name,
    type: row.provider_type,
    source: row.source,
    isGlobal: row.is_global,
    isDefault: row.is_default,
    state: row.state,
    drainDeadlineAt: orUndefined(row.drain_deadline_at),
    stateChangedAt: orUndefined(row.state_changed_at),
    generation: row.generation,
    settings: toSettings(row.settings),
    capabilities: row.capabilities,
    labels: row.labels,
    maxConcurrentBuilds: row.max_concurrent_builds,
    running: row.running,
    unswept: row.unswept,
    sweepBehind: row.sweep_behind,
    region: orUndefined(row.region),
    pricePerMinute: row.price_per_minute === null ? undefined : Number(row.price_per_minute),
    allowPrivileged: row.allow_privileged,
    shardCount: row.shard_count,
    health: {
      verdict: verdictOf(row),
      conditions: (row.conditions ?? []).map(toCondition),
      firstLossAt: orUndefined(row.first_loss_at),
      probedAt: orUndefined(row.probed_at),
      tektonAnswers: row.tekton_answers,
      watchFresh: row.watch_fresh,
    },
    retiredAt: orUndefined(row.retired_at),
    detected: orUndefined(row.detected),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    config: row.settings,
    credential: {
      fingerprint: orUndefined(row.credential_fingerprint),
      version: row.credential_version,
      expiresAt: orUndefined(row.credential_expires_at),
      lastUsedAt: orUndefined(row.credential_last_used_at),
    },
    clusterUid: orUndefined(row.cluster_uid),
    sourceRef: orUndefined(row.source_ref),
    stateChange: {
      reason: orUndefined(row.state_reason),
      actor: orUndefined(row.state_changed_by),
      at: orUndefined(row.state_changed_at),
    },
    lastProbe: orUndefined(row.last_probe),
  };
}

/** What probes have left, and that a stale watch makes a healthy cluster degraded (product.md, "cluster health"). */
export function verdictOf(row: Pick<ProviderRow, 'health' | 'watch_fresh'>): ProviderHealth {
  return row.watch_fresh ? row.health : worseHealth(row.health, 'degraded');
}

/** Reads the wire names of product.md's table into the domain's settings; other fields belong to connectors. */
export function toSettings(config: StoredSettings): ProviderSettings {
  const settings: Record<string, unknown> = {
    authMethod: config['auth_method'],
    endpoint: config['endpoint'] ?? config['apiServer'],
    tlsServerName: config['tls_server_name'],
    proxyUrl: config['proxy_url'],
    tektonEnabled: config['tekton_enabled'],
    tektonTaskImages: config['tekton_task_images'],
    storageClass: config['storage_class'],
    workspaceSize: config['workspace_size'],
    registryAccess: config['registry_access'],
    installTasks: config['install_tasks'],
    insecureRegistries: config['insecure_registries'],
  };
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

function toCondition(row: NonNullable<ProviderRow['conditions']>[number]): Condition {
  return {
    type: row.type,
    status: row.status,
    reason: row.reason,
    message: row.message,
    lastTransitionTime: new Date(row.at),
  };
}
