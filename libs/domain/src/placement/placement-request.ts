import type { BuildMethod, InfrastructureType } from '../build/build-method.js';
import type { Provider } from '../provider/provider.js';
import type { Requirements } from './requirements.js';

/** What placement has to know about a build. */
export interface PlacementRequest {
  readonly tenantId: string;
  /** Its builds tend to the same providers; without one no provider is warm for it. */
  readonly projectId?: string;
  readonly buildMethod: BuildMethod;
  readonly infrastructureType: InfrastructureType;
  /** Named by the user; then it is that one or none. */
  readonly providerId?: string;
  readonly requirements?: Requirements;
  /** What the build's pod requests: thousandths of a CPU, bytes. */
  readonly resources?: { readonly cpuMillis: number; readonly memoryBytes: number };
  /** `host[:port]` that the image is pushed to. */
  readonly registry?: string;
  /** Providers on which earlier attempts ended so that the next goes elsewhere, when another one is eligible. */
  readonly avoided?: AvoidedProviders;
}

/** By provider id: the last attempt that ended so there, and what to say of it. */
export type AvoidedProviders = ReadonlyMap<string, { readonly attempt: number; readonly message: string }>;

/** What recent attempts on a provider say about it. Hints: placement is right without them, only less good. */
export interface ProviderHistory {
  /** Attempts that ended there lately. */
  readonly ended: number;
  /** Those of them that ended for a cause of the cluster or of our own. */
  readonly failed: number;
  /** Mean seconds from a run's creation to its first step; undefined when none has started lately. */
  readonly startSeconds: number | undefined;
  /** Registries that builds there do not reach while builds elsewhere do. */
  readonly unreachedRegistries: readonly string[];
  /** Builds that run there now, by tenant. */
  readonly runningByTenant: ReadonlyMap<string, number>;
}

export interface PlacementFacts {
  readonly providers: readonly Provider[];
  /** Ids of providers that are granted to the tenant (and whose grant has not expired). */
  readonly grantedProviderIds: ReadonlySet<string>;
  /** By provider id. */
  readonly history?: ReadonlyMap<string, ProviderHistory>;
  /**
   * Ids of providers to which nothing is sent at present because requests failed or hang: by this dispatcher, or, for
   * whoever sends nothing itself, by every one that lives. What one dispatcher meets is no news about the others.
   */
  readonly openBreakers?: ReadonlySet<string>;
}
