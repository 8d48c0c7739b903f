import type { Reason } from '../errors/reasons.js';
import { infrastructureTypeOf, isUsable, PRIVILEGED_METHODS, type Provider } from '../provider/provider.js';
import type { PlacementRequest, ProviderHistory } from './placement-request.js';
import { architecturesOf, GPU, labelOf, offers, regionOf, type FeaturedProvider } from './provider-features.js';
import { NO_REQUIREMENTS } from './requirements.js';

/** What the filters that are asked again under the provider's lock read of it. */
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

/** What is known of a provider besides its row's own columns. */
export interface KnownFacts {
  readonly features: FeaturedProvider;
  readonly history: ProviderHistory | undefined;
  readonly breakerOpen: boolean;
}

/** One provider for one build. Without `known` (under the lock) the filters that need it let it pass. */
export interface FilterInput {
  readonly provider: CheckedProvider;
  readonly granted: boolean;
  readonly known: KnownFacts | undefined;
}

export interface Refusal {
  readonly reason: Reason;
  readonly message: string;
}

export interface PlacementFilter {
  readonly name: string;
  /** True: what it refuses stays refused until somebody changes the provider or the build; time alone does not help. */
  readonly lasting: boolean;
  /** The field of a submission that asks for what is refused; undefined: none. */
  readonly field?: string;
  readonly refuse: (input: FilterInput, request: PlacementRequest) => Refusal | undefined;
}

/**
 * True for a provider that every tenant may use without a grant: a global one, the default, and the operator's own
 * kubeconfig. Never a local one: tenants run code on that host.
 */
export function isShared(provider: Pick<Provider, 'type' | 'source' | 'isGlobal' | 'isDefault'>): boolean {
  return provider.type !== 'local' && (provider.isGlobal || provider.isDefault || provider.source === 'environment');
}

/**
 * Every filter, in the order in which it is asked; the first refusal is the reason. The grant comes first of all, so that
 * no other reason tells a tenant of a provider that is not for it; then what lasts, then what passes by itself.
 */
export const PLACEMENT_FILTERS: readonly PlacementFilter[] = [
  {
    name: 'granted',
    lasting: true,
    refuse: ({ provider, granted }) =>
      granted || isShared(provider)
        ? undefined
        : { reason: 'ProviderNotGranted', message: 'is not granted to this tenant' },
  },
  {
    name: 'type',
    lasting: true,
    field: 'infrastructure_type',
    refuse: ({ provider }, { infrastructureType }) =>
      infrastructureTypeOf(provider.type) === infrastructureType
        ? undefined
        : {
            reason: 'ProviderTypeMismatch',
            message: `is a ${provider.type} provider; the build asks for ${infrastructureType}`,
          },
  },
  {
    name: 'enabled',
    lasting: true,
    refuse: ({ provider }) =>
      provider.state === 'disabled' ? { reason: 'ProviderDisabled', message: 'is disabled' } : undefined,
  },
  {
    name: 'tekton',
    lasting: true,
    refuse: ({ provider }) =>
      provider.settings.tektonEnabled === false
        ? { reason: 'TektonDisabled', message: 'has tekton_enabled: false' }
        : undefined,
  },
  {
    name: 'method',
    lasting: true,
    field: 'build_method',
    refuse: ({ provider }, { buildMethod }) =>
      provider.type !== 'local' && PRIVILEGED_METHODS.includes(buildMethod) && !provider.allowPrivileged
        ? {
            reason: 'MethodNotSupported',
            message: `does not allow privileged pods, which ${buildMethod} needs (allow_privileged)`,
          }
        : undefined,
  },
  {
    name: 'architecture',
    lasting: true,
    field: 'requirements.architecture',
    refuse: ({ known }, { requirements: { architecture } = NO_REQUIREMENTS }) =>
      architecture === undefined || known === undefined || offers(known.features, architecture)
        ? undefined
        : {
            reason: 'ArchitectureMissing',
            message: `has no ${architecture} nodes that are known of (${listed(architecturesOf(known.features))})`,
          },
  },
  {
    name: 'os',
    lasting: true,
    field: 'requirements.os',
    refuse: ({ known }, { requirements: { os } = NO_REQUIREMENTS }) =>
      os === undefined || known === undefined || offers(known.features, os)
        ? undefined
        : { reason: 'OperatingSystemMissing', message: `has no ${os} nodes that are known of` },
  },
  {
    name: 'gpu',
    lasting: true,
    field: 'requirements.gpu',
    refuse: ({ known }, { requirements: { gpu } = NO_REQUIREMENTS }) =>
      gpu !== true || known === undefined || offers(known.features, GPU)
        ? undefined
        : { reason: 'GpuMissing', message: 'has no GPU that is known of' },
  },
  {
    name: 'capabilities',
    lasting: true,
    field: 'requirements.capabilities',
    refuse: missingCapabilities,
  },
  {
    name: 'labels',
    lasting: true,
    field: 'requirements.labels',
    refuse: otherLabels,
  },
  {
    name: 'region',
    lasting: true,
    field: 'requirements.region',
    refuse: ({ known }, { requirements: { region } = NO_REQUIREMENTS }) =>
      region === undefined || known === undefined || regionOf(known.features) === region
        ? undefined
        : {
            reason: 'RegionMismatch',
            message: `is in ${regionOf(known.features) ?? 'no known region'}, not in ${region}`,
          },
  },
  {
    name: 'size',
    // A pool that is scaled to nothing grows for a pod that waits for it.
    lasting: false,
    field: 'requirements',
    refuse: tooSmall,
  },
  {
    name: 'cordon',
    lasting: false,
    refuse: cordoned,
  },
  {
    name: 'health',
    lasting: false,
    refuse: ({ provider }) =>
      isUsable(provider.health) ? undefined : { reason: 'ProviderUnhealthy', message: `is ${provider.health.verdict}` },
  },
  {
    name: 'nodes',
    lasting: false,
    refuse: ({ provider }) =>
      provider.health.conditions.some(({ type, reason }) => type === 'Schedulable' && reason === 'AllNodesCordoned')
        ? { reason: 'NoSchedulableNode', message: 'has no node that takes new pods' }
        : undefined,
  },
  {
    name: 'breaker',
    lasting: false,
    refuse: ({ known }) =>
      known?.breakerOpen === true
        ? { reason: 'BreakerOpen', message: 'is sent nothing at present: requests to it failed in a row or hang' }
        : undefined,
  },
  {
    name: 'registry',
    lasting: false,
    refuse: ({ known }, { registry }) =>
      registry !== undefined && known?.history?.unreachedRegistries.includes(registry) === true
        ? {
            reason: 'RegistryNotReached',
            message: `does not reach the registry ${registry}, which others reach; it is tried again later`,
          }
        : undefined,
  },
  {
    name: 'limit',
    lasting: false,
    refuse: ({ provider }) =>
      provider.maxConcurrentBuilds > 0 && provider.running >= provider.maxConcurrentBuilds
        ? {
            reason: 'ProviderAtLimit',
            message: `runs ${provider.running} of at most ${provider.maxConcurrentBuilds} builds`,
          }
        : undefined,
  },
  {
    name: 'sweep',
    lasting: false,
    refuse: ({ provider }) =>
      provider.sweepBehind
        ? {
            reason: 'SweepBehind',
            message: `has ${provider.unswept} finished runs that are not removed yet; it takes builds again when the sweep has caught up`,
          }
        : undefined,
  },
];

function missingCapabilities(
  { known }: FilterInput,
  { requirements: { capabilities } = NO_REQUIREMENTS }: PlacementRequest,
): Refusal | undefined {
  const missing = known === undefined ? [] : capabilities.filter((word) => !offers(known.features, word));
  if (missing.length === 0) return undefined;
  return { reason: 'CapabilityMissing', message: `lacks the capability ${missing.join(', ')}` };
}

function otherLabels(
  { known }: FilterInput,
  { requirements: { labels } = NO_REQUIREMENTS }: PlacementRequest,
): Refusal | undefined {
  if (known === undefined) return undefined;
  const wrong = Object.entries(labels).filter(([key, value]) => labelOf(known.features, key) !== value);
  if (wrong.length === 0) return undefined;
  const wanted = wrong.map(([key, value]) => `${key}=${value}`).join(', ');
  return { reason: 'LabelMismatch', message: `does not have the label ${wanted}` };
}

function tooSmall({ known }: FilterInput, { resources }: PlacementRequest): Refusal | undefined {
  const node = known?.features.detected?.largestNode;
  if (node === undefined || resources === undefined) return undefined;
  const fits =
    resources.cpuMillis <= (node.cpuMillis ?? Number.POSITIVE_INFINITY) &&
    resources.memoryBytes <= (node.memoryBytes ?? Number.POSITIVE_INFINITY);
  return fits
    ? undefined
    : { reason: 'NodeTooSmall', message: 'has no node that is large enough for its CPU and memory' };
}

function cordoned({ provider: { state } }: FilterInput): Refusal | undefined {
  if (state === 'cordoned') return { reason: 'ProviderCordoned', message: 'is cordoned' };
  return state === 'draining' ? { reason: 'ProviderDraining', message: 'is draining' } : undefined;
}

/** The first filter that refuses, with what it says. */
export function firstRefusal(
  input: FilterInput,
  request: PlacementRequest,
  filters: readonly PlacementFilter[] = PLACEMENT_FILTERS,
): (Refusal & { readonly filter: PlacementFilter }) | undefined {
  for (const filter of filters) {
    const refusal = filter.refuse(input, request);
    if (refusal !== undefined) return { ...refusal, filter };
  }
  return undefined;
}

/** Why this provider may not receive this build now, by its row alone; undefined when it may. Asked again under lock. */
export function rejection(provider: CheckedProvider, request: PlacementRequest, granted: boolean): Refusal | undefined {
  const refused = firstRefusal({ provider, granted, known: undefined }, request);
  return refused === undefined ? undefined : { reason: refused.reason, message: refused.message };
}

const LOAD_ASIDE = PLACEMENT_FILTERS.filter(({ name }) => name !== 'limit' && name !== 'sweep');

/** Whether the provider would take this build of a tenant that may use it, if it had room. */
export function wouldTake(provider: CheckedProvider & FeaturedProvider, request: PlacementRequest): boolean {
  const known = { features: provider, history: undefined, breakerOpen: false };
  return firstRefusal({ provider, granted: true, known }, request, LOAD_ASIDE) === undefined;
}

function listed(words: readonly string[]): string {
  return words.length === 0 ? 'none is declared or detected' : words.join(', ');
}
