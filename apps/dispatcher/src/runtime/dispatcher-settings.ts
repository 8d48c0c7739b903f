import type { DispatcherEnv } from '../config/env.js';
import type { ExecutionLimits } from '../execution/execution-scope.js';
import {
  CLOCK_DEFAULTS,
  REGISTRY_HOLD_DEFAULTS,
  type RegistryHoldPolicy,
  type RetryLimits,
} from '@image-factory/domain';

/** Every number that the dispatcher works by; the environment gives some, tests shorten the others. */
export interface DispatcherSettings {
  readonly host: string;
  readonly version: string;
  readonly slots: number;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
  readonly pollMs: number;
  /** Most builds that one claim takes, and most placements under way. */
  readonly claimBatch: number;
  readonly maxPlacing: number;
  readonly prepareTimeoutMs: number;
  readonly noProviderWaitMs: number;
  /** Executions of one provider reconciled at once: more than creates and sweeps may wait for its cluster (CLASS_SHARES). */
  readonly reconcileConcurrency: number;
  readonly watchStaleMs: number;
  /** Shards of dead owners that are taken at once; the next batch follows when what runs under these is taken up. */
  readonly adoptBatch: number;
  readonly insecureRegistries: readonly string[];
  /** Finished and unswept runs on one cluster at which nothing new is placed there. */
  readonly maxUnswept: number;
  readonly logLimitBytes: number;
  readonly logRetentionDays: number;
  readonly healthIntervalMs: number;
  /** Multiplies the intervals of periodic work; tests use less than one. */
  readonly periodicScale: number;
  readonly limits: ExecutionLimits;
  readonly retry: RetryLimits;
  readonly registryHold: RegistryHoldPolicy;
}

export const EXECUTION_LIMIT_DEFAULTS: ExecutionLimits = {
  sealLimitMs: CLOCK_DEFAULTS.sealLimitSeconds * 1000,
  lossLimitMs: CLOCK_DEFAULTS.lossLimitMinutes * 60_000,
  placementBudgetMs: CLOCK_DEFAULTS.placementLimitSeconds * 1000,
  requestDeadlineMs: 75_000,
  podGraceMs: 60_000,
  publishLimitMs: 5 * 60_000,
  runRetentionMs: 60_000,
  lookAgainMs: 30_000,
};

/** The settings of a process, from its environment. */
export function settingsFrom(env: DispatcherEnv, host: string, version: string): DispatcherSettings {
  return {
    host,
    version,
    slots: env.slots,
    leaseMs: env.leaseMs,
    heartbeatMs: env.heartbeatMs,
    pollMs: env.pollMs,
    claimBatch: 100,
    maxPlacing: 200,
    prepareTimeoutMs: 15_000,
    noProviderWaitMs: 30_000,
    reconcileConcurrency: 256,
    watchStaleMs: Math.max(120_000, 4 * env.heartbeatMs),
    adoptBatch: 64,
    insecureRegistries: env.insecureRegistries,
    maxUnswept: env.clusterMaxUnswept,
    logLimitBytes: 512 * 1024 * 1024,
    logRetentionDays: env.logRetentionDays,
    healthIntervalMs: env.healthIntervalMs,
    periodicScale: 1,
    limits: {
      ...EXECUTION_LIMIT_DEFAULTS,
      placementBudgetMs: env.clocks.placementSeconds * 1000,
      sealLimitMs: env.clocks.sealSeconds * 1000,
      lossLimitMs: env.clocks.lossMinutes * 60_000,
      runRetentionMs: env.runRetentionMs,
    },
    retry: env.retry,
    registryHold: REGISTRY_HOLD_DEFAULTS,
  };
}
