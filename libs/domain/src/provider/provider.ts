import type { BuildMethod, InfrastructureType } from '../build/build-method.js';
import type { Condition } from './condition.js';
import type { DetectedCapabilities } from './detected.js';

export const PROVIDER_TYPES = ['kubernetes', 'aws-eks', 'gcp-gke', 'azure-aks', 'local'] as const;
export type ProviderType = (typeof PROVIDER_TYPES)[number];

/** What an admin wants. Never mixed with health. */
export const PROVIDER_STATES = ['enabled', 'cordoned', 'draining', 'disabled'] as const;
export type ProviderState = (typeof PROVIDER_STATES)[number];

/** What probes say. */
export const PROVIDER_HEALTHS = ['healthy', 'degraded', 'unhealthy', 'unknown'] as const;
export type ProviderHealth = (typeof PROVIDER_HEALTHS)[number];

export const PROVIDER_SOURCES = ['api', 'file', 'environment', 'discovery'] as const;
export type ProviderSource = (typeof PROVIDER_SOURCES)[number];

/** A place where builds run, as admins see it. Credentials are not part of it. */
export interface Provider {
  readonly id: string;
  readonly name: string;
  readonly type: ProviderType;
  readonly source: ProviderSource;
  readonly isGlobal: boolean;
  readonly isDefault: boolean;
  readonly state: ProviderState;
  readonly drainDeadlineAt: Date | undefined;
  /** Since when its state is wanted, by the database's clock; undefined where nobody has changed it. */
  readonly stateChangedAt?: Date | undefined;
  /** Bumped by every change of endpoint, credential or settings; pooled clients are keyed by it. */
  readonly generation: number;
  /** Settings without secrets: see {@link ProviderSettings}. */
  readonly settings: ProviderSettings;
  readonly capabilities: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Executions from reserved to pods over; 0 means no limit is set. */
  readonly maxConcurrentBuilds: number;
  readonly running: number;
  /** Finished runs still on the cluster, as measured last while they are too many; else 0. */
  readonly unswept: number;
  /** Too many finished runs wait for the sweep: nothing new is placed until it has caught up. */
  readonly sweepBehind: boolean;
  readonly region: string | undefined;
  readonly pricePerMinute: number | undefined;
  readonly allowPrivileged: boolean;
  readonly shardCount: number;
  /** Its source no longer names it: nothing new is placed there, and it does not come back by an admin's word. */
  readonly retiredAt?: Date | undefined;
  /** Undefined: it was not looked at yet. */
  readonly detected?: DetectedCapabilities | undefined;
  readonly health: ProviderHealthView;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Non-secret settings of a kubernetes provider, by product.md's table; `local` providers use none of them. */
export interface ProviderSettings {
  readonly authMethod?: string;
  readonly endpoint?: string;
  readonly tlsServerName?: string;
  readonly proxyUrl?: string;
  readonly tektonEnabled?: boolean;
  readonly tektonTaskImages?: Readonly<Record<string, string>>;
  readonly storageClass?: string;
  readonly workspaceSize?: string;
  readonly registryAccess?: 'dispatcher' | 'cluster';
  readonly installTasks?: boolean;
  /** Registry hosts spoken to over plain HTTP by the Tasks and by promotion. */
  readonly insecureRegistries?: readonly string[];
}

export interface ProviderHealthView {
  readonly verdict: ProviderHealth;
  readonly conditions: readonly Condition[];
  readonly firstLossAt: Date | undefined;
  readonly probedAt: Date | undefined;
  /** Last answered probe: false when Tekton's list failed. */
  readonly tektonAnswers: boolean;
  readonly watchFresh: boolean;
}

export function infrastructureTypeOf(type: ProviderType): InfrastructureType {
  return type === 'local' ? 'local' : 'kubernetes';
}

/** What of its health decides whether a provider takes new executions. */
export type ProviderUsability = Pick<ProviderHealthView, 'verdict' | 'tektonAnswers' | 'watchFresh'>;

/** Health is good enough for a new execution (product.md, "cluster health"). */
export function isUsable(health: ProviderUsability): boolean {
  return health.verdict === 'healthy' || (health.verdict === 'degraded' && health.tektonAnswers && health.watchFresh);
}

/** Methods whose Task needs a privileged pod: refused on a provider without `allow_privileged`. */
export const PRIVILEGED_METHODS: readonly BuildMethod[] = ['buildx'];
