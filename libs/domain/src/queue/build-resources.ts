import { memoryBytes, memoryText } from './resource-quantity.js';

/** What a build takes of its place: `request…` is what fairness counts, `limit…` what its pods get at most. */
export interface BuildResources {
  /** Thousandths of a CPU. */
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** Undefined: neither asked for nor capped; the pods then carry no limit, and a request only when it is more than usual. */
  readonly cpuLimitMillis: number | undefined;
  readonly memoryLimitBytes: number | undefined;
  readonly ephemeralStorageBytes: number;
  /** As with the other limits. */
  readonly ephemeralStorageLimitBytes: number | undefined;
  /** Least size of the workspace's volume; undefined: as large as its provider makes one. */
  readonly workspaceBytes: number | undefined;
}

/** What a build counts as when nobody says otherwise: one CPU and 2Gi. It is also the unit of {@link dominantShare}. */
export const DEFAULT_CPU_MILLIS = 1000;
export const DEFAULT_MEMORY_BYTES = 2 * 2 ** 30;

/** What a build whose disk has no limit of ours is taken to have had of it. */
export const DEFAULT_EPHEMERAL_STORAGE_BYTES = 4 * 2 ** 30;

/** What was asked for, or a tenant's caps for one build. */
export interface ResourceFigures {
  readonly cpuMillis: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly ephemeralStorageBytes: number | undefined;
  readonly workspaceBytes: number | undefined;
}

/** What an earlier build of the project succeeded with after it had run out of it. */
export type LearnedFigures = Omit<ResourceFigures, 'cpuMillis'>;

/**
 * The figures of a build. What is asked for is request and limit at once; it is within the caps, which submission
 * checks. A build of a capped tenant that asks for nothing may use up to the cap and requests the default, or what its
 * project has learned when that is more, or the cap when that is less. What was learned is no limit: other builds of the
 * project may need more. A workspace is as large as its provider makes one unless more was asked for or learned.
 */
export function buildResources(
  asked: ResourceFigures,
  caps: ResourceFigures,
  learned?: LearnedFigures,
): BuildResources {
  const usual = (bytes: number, known = 0): number => Math.max(bytes, known);
  const usualMemory = usual(DEFAULT_MEMORY_BYTES, learned?.memoryBytes);
  const usualDisk = usual(DEFAULT_EPHEMERAL_STORAGE_BYTES, learned?.ephemeralStorageBytes);
  const cpu = figure(asked.cpuMillis, caps.cpuMillis, DEFAULT_CPU_MILLIS);
  const memory = figure(asked.memoryBytes, caps.memoryBytes, usualMemory);
  const disk = figure(asked.ephemeralStorageBytes, caps.ephemeralStorageBytes, usualDisk);
  return {
    cpuMillis: cpu.request,
    memoryBytes: memory.request,
    cpuLimitMillis: cpu.limit,
    memoryLimitBytes: memory.limit,
    ephemeralStorageBytes: disk.request,
    ephemeralStorageLimitBytes: disk.limit,
    workspaceBytes: asked.workspaceBytes ?? atMost(caps.workspaceBytes, learned?.workspaceBytes),
  };
}

function figure(
  asked: number | undefined,
  cap: number | undefined,
  usual: number,
): { request: number; limit: number | undefined } {
  if (asked !== undefined) return { request: asked, limit: asked };
  return { request: Math.min(usual, cap ?? usual), limit: cap };
}

function atMost(cap: number | undefined, figure: number | undefined): number | undefined {
  return figure === undefined ? undefined : Math.min(figure, cap ?? figure);
}

const DEFAULT_WORKSPACE_SIZE = '1Gi';

/** Size of the workspace's volume, a Kubernetes quantity: the provider's own, or what was asked for when that is more. */
export function workspaceSize(ofProvider: string | undefined, askedBytes: number | undefined): string {
  const usual = ofProvider ?? DEFAULT_WORKSPACE_SIZE;
  return askedBytes === undefined || askedBytes <= memoryBytes(usual) ? usual : memoryText(askedBytes);
}

/**
 * How much runs, in units of a usual build: the larger of its CPU and its memory. With equal units for all tenants the
 * order of their shares is that of dominant resource fairness over a place with 2Gi for each CPU.
 */
export function dominantShare(cpuMillis: number, memoryBytes: number): number {
  return Math.max(cpuMillis / DEFAULT_CPU_MILLIS, memoryBytes / DEFAULT_MEMORY_BYTES);
}
