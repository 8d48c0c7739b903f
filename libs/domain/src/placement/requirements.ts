/** Processor architectures, in the words of Kubernetes' node label `kubernetes.io/arch`. */
export const ARCHITECTURES = ['amd64', 'arm64', 'arm', '386', 'ppc64le', 's390x', 'riscv64'] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** In the words of Kubernetes' node label `kubernetes.io/os`. */
export const OPERATING_SYSTEMS = ['linux', 'windows'] as const;
export type OperatingSystem = (typeof OPERATING_SYSTEMS)[number];

/** What a build asks of the place where it runs, besides CPU and memory. */
export interface Requirements {
  readonly architecture?: Architecture;
  readonly os?: OperatingSystem;
  /** True: a node with a GPU. */
  readonly gpu?: boolean;
  /** Words that the provider must have, declared or detected; all of them. */
  readonly capabilities: readonly string[];
  /** Labels that the provider must have with these values. */
  readonly labels: Readonly<Record<string, string>>;
  /** The provider must be there. */
  readonly region?: string;
  /** A provider there is better than another one. */
  readonly preferredRegion?: string;
}

export const NO_REQUIREMENTS: Requirements = { capabilities: [], labels: {} };

/**
 * Reads a submission's `requirements`, by the wire's names. What is not of its type counts as not given: the request
 * was validated before it was stored.
 */
export function requirementsOf(wire: unknown): Requirements {
  if (typeof wire !== 'object' || wire === null) return NO_REQUIREMENTS;
  const asked = wire as Readonly<Record<string, unknown>>;
  const architecture = ARCHITECTURES.find((one) => one === asked['architecture']);
  const os = OPERATING_SYSTEMS.find((one) => one === asked['os']);
  const { gpu, capabilities, labels, region, preferred_region: preferredRegion } = asked;
  return {
    capabilities: Array.isArray(capabilities) ? capabilities.filter(isText) : [],
    labels: isRecord(labels) ? Object.fromEntries(Object.entries(labels).filter(isTextEntry)) : {},
    ...(architecture === undefined ? {} : { architecture }),
    ...(os === undefined ? {} : { os }),
    ...(gpu === true ? { gpu } : {}),
    ...(isText(region) ? { region } : {}),
    ...(isText(preferredRegion) ? { preferredRegion } : {}),
  };
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isTextEntry(entry: [string, unknown]): entry is [string, string] {
  return isText(entry[1]);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
