import type { DetectedCapabilities } from '@image-factory/domain';

/** The part of a Node that is read. */
export interface NodeObject {
  readonly spec?: { readonly unschedulable?: boolean };
  readonly status?: {
    readonly allocatable?: Readonly<Record<string, string>>;
    readonly nodeInfo?: { readonly architecture?: string; readonly operatingSystem?: string };
  };
}

type NodeFacts = Required<Pick<DetectedCapabilities, 'architectures' | 'operatingSystems' | 'gpus' | 'gpuKinds'>> &
  Pick<DetectedCapabilities, 'largestNode'>;

/** Extended resources that are GPUs, or slices of one. */
const GPU_RESOURCE = /^(?:nvidia\.com\/(?:gpu|mig-.+)|amd\.com\/gpu|gpu\.intel\.com\/.+)$/;

/** Adds up nodes, page by page. A cordoned node takes no pods and does not count. */
export class NodeTally {
  readonly #architectures = new Set<string>();
  readonly #operatingSystems = new Set<string>();
  readonly #gpus = new Map<string, number>();
  #cpuMillis = 0;
  #memoryBytes = 0;

  add(node: NodeObject): void {
    if (node.spec?.unschedulable === true) return;
    const { nodeInfo, allocatable = {} } = node.status ?? {};
    if (isWord(nodeInfo?.architecture)) this.#architectures.add(nodeInfo.architecture);
    if (isWord(nodeInfo?.operatingSystem)) this.#operatingSystems.add(nodeInfo.operatingSystem);
    for (const [resource, amount] of Object.entries(allocatable)) {
      const count = quantity(amount);
      if (GPU_RESOURCE.test(resource) && count > 0) {
        this.#gpus.set(resource, (this.#gpus.get(resource) ?? 0) + count);
      }
    }
    this.#cpuMillis = Math.max(this.#cpuMillis, Math.floor(quantity(allocatable['cpu']) * 1000));
    this.#memoryBytes = Math.max(this.#memoryBytes, Math.floor(quantity(allocatable['memory'])));
  }

  facts(): NodeFacts {
    return {
      architectures: [...this.#architectures].sort(),
      operatingSystems: [...this.#operatingSystems].sort(),
      gpus: [...this.#gpus.values()].reduce((sum, count) => sum + count, 0),
      gpuKinds: Object.fromEntries([...this.#gpus].sort(([a], [b]) => (a < b ? -1 : 1))),
      ...(this.#cpuMillis === 0 ? {} : { largestNode: { cpuMillis: this.#cpuMillis, memoryBytes: this.#memoryBytes } }),
    };
  }
}

const UNITS: Readonly<Record<string, number>> = {
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/** A Kubernetes quantity as a number; 0 for what is none. */
function quantity(text: string | undefined): number {
  const [, count, unit] = /^(\d+(?:\.\d+)?)([a-zA-Z]*)$/.exec(String(text ?? '')) ?? [];
  if (count === undefined) return 0;
  return unit === undefined || unit === '' ? Number(count) : Number(count) * (UNITS[unit] ?? 0);
}

/** What a cluster says becomes a word that builds ask with: nothing else passes. */
function isWord(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(value);
}
