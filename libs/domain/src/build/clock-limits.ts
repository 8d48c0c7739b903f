/** Default limits of the clocks (ARCHITECTURE.md, "Clocks"). Minutes unless the name says otherwise. */
export const CLOCK_DEFAULTS = {
  queueTimeoutMinutes: 24 * 60,
  startLimitMinutes: 15,
  /** Of a build and a project that name none. */
  buildTimeoutMinutes: 30,
  /** Highest run limit that anybody may name. */
  mostRunMinutes: 24 * 60,
  /** From placed to created, while the place says "later"; part of the queue clock and shown apart. */
  placementLimitSeconds: 300,
  sealLimitSeconds: 120,
  lossLimitMinutes: 30,
  /** Added to start and run limits in the PipelineRun's own timeout, which is only a backstop (rule 17). */
  pipelineMarginMinutes: 10,
} as const;

/** The clocks' limits of an installation: nobody below it may name a higher one. */
export interface ClockLimits {
  readonly queueMinutes: number;
  readonly placementSeconds: number;
  /** Per TaskRun. */
  readonly startMinutes: number;
  /** The highest; a build that names none takes its project's. */
  readonly runMinutes: number;
  readonly sealSeconds: number;
  readonly lossMinutes: number;
}

/** A limit that each level may lower: the smallest that anybody names. Minutes. */
export function lowestLimit(installation: number, ...lower: readonly (number | undefined)[]): number {
  return Math.min(installation, ...lower.filter((limit) => limit !== undefined));
}

/** The pipeline task names that may each wait once for a pod: the start limit counts for each. */
const TASK_RUNS_PER_RUN = 2;

/**
 * What a task has of which nothing is said. A run with a lower limit and with resources of a task, which say nothing of a
 * limit, is refused by Tekton's webhook.
 */
const TASK_DEFAULT_SECONDS = 3_600;

/** Seconds for `timeouts.pipeline`, and for each task. */
export function pipelineTimeoutSeconds(buildTimeoutMinutes: number, startLimitMinutes: number): number {
  const minutes = buildTimeoutMinutes + TASK_RUNS_PER_RUN * startLimitMinutes + CLOCK_DEFAULTS.pipelineMarginMinutes;
  return Math.max(TASK_DEFAULT_SECONDS, 60 * minutes);
}
