/** What a build takes of its place: `request…` is what fairness counts, `limit…` what its pods get at most. */
export interface BuildResources {
  /** Thousandths of a CPU. */
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** Undefined: neither asked for nor capped; the pods then carry no figure for it. */
  readonly cpuLimitMillis: number | undefined;
  readonly memoryLimitBytes: number | undefined;
}

/** What a build counts as when nobody says otherwise: one CPU and 2Gi. It is also the unit of {@link dominantShare}. */
export const DEFAULT_CPU_MILLIS = 1000;
export const DEFAULT_MEMORY_BYTES = 2 * 2 ** 30;

/** What was asked for, or a tenant's caps for one build. */
export interface ResourceFigures {
  readonly cpuMillis: number | undefined;
  readonly memoryBytes: number | undefined;
}

/**
 * The figures of a build. What is asked for is request and limit at once; it is within the caps, which submission
 * checks. A build of a capped tenant that asks for nothing may use up to the cap and requests the default, or the cap
 * when that is less.
 */
export function buildResources(asked: ResourceFigures, caps: ResourceFigures): BuildResources {
  const cpu = figure(asked.cpuMillis, caps.cpuMillis, DEFAULT_CPU_MILLIS);
  const memory = figure(asked.memoryBytes, caps.memoryBytes, DEFAULT_MEMORY_BYTES);
  return {
    cpuMillis: cpu.request,
    memoryBytes: memory.request,
    cpuLimitMillis: cpu.limit,
    memoryLimitBytes: memory.limit,
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

/**
 * How much runs, in units of a usual build: the larger of its CPU and its memory. With equal units for all tenants the
 * order of their shares is that of dominant resource fairness over a place with 2Gi for each CPU.
 */
export function dominantShare(cpuMillis: number, memoryBytes: number): number {
  return Math.max(cpuMillis / DEFAULT_CPU_MILLIS, memoryBytes / DEFAULT_MEMORY_BYTES);
}
