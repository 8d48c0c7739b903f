import type { ProviderSource, ProviderState, ProviderType } from '@image-factory/domain';

/** What an admin gives when a provider is made. */
export interface ProviderInput {
  readonly name: string;
  readonly type: ProviderType;
  readonly source?: ProviderSource;
  readonly isGlobal?: boolean | undefined;
  readonly isDefault?: boolean | undefined;
  /** Secrets and settings together, by product.md's names. */
  readonly config: Readonly<Record<string, unknown>>;
  /** When the credential of `config` ends, as far as it says so. */
  readonly credentialExpiresAt?: Date | undefined;
  readonly capabilities?: readonly string[] | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly maxConcurrentBuilds?: number | undefined;
  readonly region?: string | null | undefined;
  readonly pricePerMinute?: number | null | undefined;
  readonly allowPrivileged?: boolean | undefined;
}

/** A change; undefined leaves a property as it is. `config` is the whole new config, secrets included. */
export type ProviderChange = Partial<Omit<ProviderInput, 'type' | 'source'>>;

/** What an admin wants of a provider, and until when a drain may take. */
export interface ProviderStateChange {
  readonly state: ProviderState;
  readonly drainDeadlineAt: Date | undefined;
  /** In the words of who wants it. */
  readonly reason: string | undefined;
  /** `user:<key name>`, or what else changed it. */
  readonly actor: string;
}

export const PROVIDER_CHANGE_COLUMNS = {
  name: 'name',
  isGlobal: 'is_global',
  isDefault: 'is_default',
  capabilities: 'capabilities',
  labels: 'labels',
  maxConcurrentBuilds: 'max_concurrent_builds',
  region: 'region',
  pricePerMinute: 'price_per_minute',
  allowPrivileged: 'allow_privileged',
} as const;
