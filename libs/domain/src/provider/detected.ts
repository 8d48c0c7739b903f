/** A part of a cluster that is looked at, and that may be refused. */
export const DETECTED_PARTS = ['nodes', 'storage', 'kubernetes', 'tekton', 'tektonFeatures'] as const;
export type DetectedPart = (typeof DETECTED_PARTS)[number];

/** What was found on a cluster; a part that was never seen is left out, one that was not seen lately has its age. */
export interface DetectedCapabilities {
  /** Of its nodes, as in `amd64`. */
  readonly architectures?: readonly string[];
  /** Of its nodes, as in `linux`. */
  readonly operatingSystems?: readonly string[];
  /** GPUs of all nodes together. */
  readonly gpus?: number;
  /** By resource, as in `nvidia.com/gpu`. */
  readonly gpuKinds?: Readonly<Record<string, number>>;
  /** The largest allocatable figures of one node: thousandths of a CPU, bytes. */
  readonly largestNode?: { readonly cpuMillis: number; readonly memoryBytes: number };
  readonly storageClasses?: readonly { readonly name: string; readonly isDefault: boolean }[];
  /** As in `v1.34.2`. */
  readonly kubernetesVersion?: string;
  /** As in `v1.9.0`. */
  readonly tektonVersion?: string;
  /** Tekton's own feature flags, by its words. */
  readonly tektonFeatures?: Readonly<Record<string, string>>;
  /** Why a part could not be seen by the last look. */
  readonly undetected: Readonly<Partial<Record<DetectedPart, { readonly reason: string; readonly message: string }>>>;
  /** Of the last look. RFC 3339, UTC. */
  readonly detectedAt: string;
  /** When each part was seen last. */
  readonly seenAt?: Readonly<Partial<Record<DetectedPart, string>>>;
  /** The provider's generation that was looked at. */
  readonly generation: number;
}

/** Who says that a provider has something. */
export type CapabilityOrigin = 'declared' | 'detected';

/** A capability with everybody who says so. */
export interface CapabilityWithOrigin {
  readonly name: string;
  readonly origins: readonly CapabilityOrigin[];
}

/** A label with who says so. */
export interface LabelWithOrigin {
  readonly name: string;
  readonly value: string;
  readonly origin: CapabilityOrigin;
}

/** What is known of a provider: what was declared, and what was detected. */
interface Described {
  readonly capabilities: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly detected?: DetectedCapabilities | undefined;
}

/** What was detected, in the words that builds ask with. */
export function detectedWords(detected: DetectedCapabilities | undefined): readonly string[] {
  if (detected === undefined) return [];
  const { architectures = [], operatingSystems = [], gpus = 0 } = detected;
  return [...architectures, ...operatingSystems, ...(gpus > 0 ? ['gpu'] : [])];
}

/** Every capability, declared or detected, with its origins; by name. */
export function capabilitiesWithOrigin({ capabilities, detected }: Described): CapabilityWithOrigin[] {
  const found = detectedWords(detected);
  return [...new Set([...capabilities, ...found])].sort().map((name) => {
    const origins: CapabilityOrigin[] = [];
    if (capabilities.includes(name)) origins.push('declared');
    if (found.includes(name)) origins.push('detected');
    return { name, origins };
  });
}

/** What was detected, as labels. */
export function detectedLabels(detected: DetectedCapabilities | undefined): Readonly<Record<string, string>> {
  return {
    ...version('kubernetes-version', detected?.kubernetesVersion),
    ...version('tekton-version', detected?.tektonVersion),
  };
}

/** Every label with its origin; what is declared wins over what is detected under the same name. */
export function labelsWithOrigin({ labels, detected }: Described): LabelWithOrigin[] {
  const found = detectedLabels(detected);
  const names = [...new Set([...Object.keys(labels), ...Object.keys(found)])].sort();
  return names.map((name) => {
    const declared = labels[name];
    return declared === undefined
      ? { name, value: found[name] ?? '', origin: 'detected' }
      : { name, value: declared, origin: 'declared' };
  });
}

function version(name: string, value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { [`image-factory.io/${name}`]: value };
}
