import { infrastructureTypeOf, isUsable, PRIVILEGED_METHODS, type Provider } from '../provider/provider.js';
import type { BuildMethod, InfrastructureType } from '../build/build-method.js';
import type { Reason } from '../errors/reasons.js';

/** What placement has to know about a build. */
export interface PlacementRequest {
  readonly tenantId: string;
  readonly buildMethod: BuildMethod;
  readonly infrastructureType: InfrastructureType;
  /** Named by the user; then it is that one or none. */
  readonly providerId?: string;
  /** Providers on which earlier attempts ended so that the next goes elsewhere, when another one is eligible. */
  readonly avoided?: AvoidedProviders;
}

/** By provider id: the last attempt that ended so there, and what to say of it. */
export type AvoidedProviders = ReadonlyMap<string, { readonly attempt: number; readonly message: string }>;

export interface PlacementFacts {
  readonly providers: readonly Provider[];
  /** Ids of providers that are granted to the tenant (and whose grant has not expired). */
  readonly grantedProviderIds: ReadonlySet<string>;
}

export interface RejectedProvider {
  readonly providerId: string;
  readonly name: string;
  readonly reason: Reason;
  readonly message: string;
}

export interface PlacementDecision {
  readonly chosen: { readonly providerId: string; readonly name: string; readonly basis: PlacementBasis } | undefined;
  readonly rejected: readonly RejectedProvider[];
}

/** Which rule of product.md's order made the choice. */
export type PlacementBasis = 'named' | 'default_cluster' | 'is_global' | 'environment' | 'granted';

/** What the filter reads of a provider. */
export type CheckedProvider = Pick<
  Provider,
  | 'type'
  | 'source'
  | 'isGlobal'
  | 'isDefault'
  | 'state'
  | 'settings'
  | 'allowPrivileged'
  | 'maxConcurrentBuilds'
  | 'running'
  | 'unswept'
  | 'sweepBehind'
  | 'health'
>;

/** Why this provider may not receive this build now; undefined when it may. Pure: also checked again under lock. */
export function rejection(
  provider: CheckedProvider,
  request: PlacementRequest,
  granted: boolean,
): Omit<RejectedProvider, 'providerId' | 'name'> | undefined {
  // First of all, so that no other reason tells a tenant of a provider that is not for it.
  if (!granted && !isShared(provider)) {
    return { reason: 'ProviderNotGranted', message: 'is not granted to this tenant' };
  }
  if (infrastructureTypeOf(provider.type) !== request.infrastructureType) {
    return {
      reason: 'ProviderTypeMismatch',
      message: `is a ${provider.type} provider; the build asks for ${request.infrastructureType}`,
    };
  }
  if (provider.state === 'disabled') return { reason: 'ProviderDisabled', message: 'is disabled' };
  if (provider.state === 'cordoned') return { reason: 'ProviderCordoned', message: 'is cordoned' };
  if (provider.state === 'draining') return { reason: 'ProviderDraining', message: 'is draining' };
  if (provider.settings.tektonEnabled === false) {
    return { reason: 'TektonDisabled', message: 'has tekton_enabled: false' };
  }
  if (provider.type !== 'local' && PRIVILEGED_METHODS.includes(request.buildMethod) && !provider.allowPrivileged) {
    return {
      reason: 'MethodNotSupported',
      message: `does not allow privileged pods, which ${request.buildMethod} needs (allow_privileged)`,
    };
  }
  if (!isUsable(provider.health)) {
    return { reason: 'ProviderUnhealthy', message: `is ${provider.health.verdict}` };
  }
  if (provider.maxConcurrentBuilds > 0 && provider.running >= provider.maxConcurrentBuilds) {
    return {
      reason: 'ProviderAtLimit',
      message: `runs ${provider.running} of at most ${provider.maxConcurrentBuilds} builds`,
    };
  }
  if (provider.sweepBehind) {
    const message = `has ${provider.unswept} finished runs that are not removed yet; it takes builds again when the sweep has caught up`;
    return { reason: 'SweepBehind', message };
  }
  return undefined;
}

/**
 * True for a provider that every tenant may use without a grant: a global one, the default, and the operator's own
 * kubeconfig. Never a local one: tenants run code on that host.
 */
export function isShared(provider: Pick<Provider, 'type' | 'source' | 'isGlobal' | 'isDefault'>): boolean {
  return provider.type !== 'local' && (provider.isGlobal || provider.isDefault || provider.source === 'environment');
}

const BASIS_ORDER: readonly PlacementBasis[] = ['named', 'default_cluster', 'is_global', 'environment', 'granted'];

function basisOf(provider: Provider, request: PlacementRequest): PlacementBasis {
  if (request.providerId !== undefined) return 'named';
  if (provider.isDefault) return 'default_cluster';
  if (provider.isGlobal) return 'is_global';
  if (provider.source === 'environment') return 'environment';
  return 'granted';
}

/**
 * One provider, or none, with the reason of every one that was passed over. Order without a named provider:
 * the default cluster, global ones, the environment's, then those granted to the tenant; inside a rank the one with
 * the most free room, ties by name then id. Equal inputs give equal choices. One that is to be avoided is passed over
 * while another is eligible; when all are, the one whose failure is longest ago comes first.
 */
export function chooseProvider(request: PlacementRequest, facts: PlacementFacts): PlacementDecision {
  const rejected: RejectedProvider[] = [];
  const eligible: Provider[] = [];
  for (const provider of facts.providers) {
    if (request.providerId !== undefined && provider.id !== request.providerId) continue;
    const refusal = rejection(provider, request, facts.grantedProviderIds.has(provider.id));
    if (refusal === undefined) eligible.push(provider);
    else rejected.push({ providerId: provider.id, name: provider.name, ...refusal });
  }
  const fresh = eligible.filter((provider) => request.avoided?.has(provider.id) !== true);
  const candidates = fresh.length > 0 ? fresh : eligible;
  const failedIn = (provider: Provider): number => request.avoided?.get(provider.id)?.attempt ?? 0;
  for (const provider of eligible.filter((one) => !candidates.includes(one))) {
    const message = request.avoided?.get(provider.id)?.message ?? '';
    rejected.push({ providerId: provider.id, name: provider.name, reason: 'ProviderAvoided', message });
  }
  const rank = (provider: Provider): number => BASIS_ORDER.indexOf(basisOf(provider, request));
  const load = (provider: Provider): number =>
    provider.maxConcurrentBuilds > 0 ? provider.running / provider.maxConcurrentBuilds : provider.running / 1000;
  candidates.sort(
    (a, b) =>
      failedIn(a) - failedIn(b) ||
      rank(a) - rank(b) ||
      load(a) - load(b) ||
      a.name.localeCompare(b.name, 'en') ||
      (a.id < b.id ? -1 : 1),
  );
  const first = candidates[0];
  return {
    chosen:
      first === undefined ? undefined : { providerId: first.id, name: first.name, basis: basisOf(first, request) },
    rejected,
  };
}
