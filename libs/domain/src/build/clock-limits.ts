/** Default limits of the clocks (ARCHITECTURE.md, "Clocks"). Minutes unless the name says otherwise. */
export const CLOCK_DEFAULTS = {
  queueTimeoutMinutes: 24 * 60,
  startLimitMinutes: 15,
  buildTimeoutMinutes: 30,
  sealLimitSeconds: 120,
  lossLimitMinutes: 30,
  /** Added to start and run limits in the PipelineRun's own timeout, which is only a backstop (rule 17). */
  pipelineMarginMinutes: 10,
} as const;

/** The pipeline task names that may each wait once for a pod: the start limit counts for each. */
const TASK_RUNS_PER_RUN = 2;

/** Seconds for `timeouts.pipeline`. */
export function pipelineTimeoutSeconds(buildTimeoutMinutes: number, startLimitMinutes: number): number {
  return 60 * (buildTimeoutMinutes + TASK_RUNS_PER_RUN * startLimitMinutes + CLOCK_DEFAULTS.pipelineMarginMinutes);
}
