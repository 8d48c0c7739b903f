import type { ClusterConnectionProvider } from '@image-factory/cluster-connectors';
import {
  type Clock,
  DomainError,
  type DueProbe,
  invalidInput,
  type ProbeRecord,
  type Provider,
  type ProviderRepository,
} from '@image-factory/domain';
import type { Logger, Metrics } from '@image-factory/telemetry';
import { isDetailAmiss } from './detail-conditions.js';
import { type ClusterProbe, probeCluster, unreached } from './probe-cluster.js';
import { probeDetail } from './probe-detail.js';
import { failureOf, type ProbeFailure } from './probe-part.js';
import { localRecord, probeRecord, type ProbeTurn } from './probe-record.js';

export interface HealthMonitorOptions {
  readonly providers: ProviderRepository;
  readonly connections: ClusterConnectionProvider;
  /** Who probes: the dispatcher's id. */
  readonly proberId: string;
  /** Every provider is probed once in about so long, by whichever dispatcher comes first. Default 30 000. */
  readonly intervalMs?: number;
  /** Limit of a whole probe; below the interval. Default 10 000. */
  readonly timeoutMs?: number;
  /**
   * Most probes at once in this process: above the number of clusters, so that those which hang leave room for the
   * others. Default 1 000.
   */
  readonly maxAtOnce?: number;
  /** A credential that nobody replaces is warned of so long before its end (`CredentialExpiresSoon`). Default 7 days. */
  readonly warnBeforeMs?: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics?: Metrics;
}

/** What one round started. */
export interface HealthRound {
  readonly started: number;
  readonly underWay: number;
}

/** Most probes that one round starts. */
const MOST_PER_ROUND = 100;
const MINUTE_MS = 60_000;
const WARN_BEFORE_MS = 7 * 24 * 60 * MINUTE_MS;

/**
 * Probes the providers that are due and records verdict and Conditions.
 *
 * Model: the database says what is due (`claimDueProbes`), so any number of dispatchers share the work. `runOnce` only
 * starts probes and never waits for one: a cluster that hangs holds its own probe for at most its time limits, and
 * nothing else. A provider whose probe is still under way is not started again here.
 *
 * A probe that contradicts what is shown is confirmed by another soon after (see `steadyHealth`); slow questions are
 * asked every tenth interval, when the provider has changed, and while their answers are bad.
 *
 * Failures: whatever goes wrong on the way to a cluster is the result of the probe (Reachable is False with the reason).
 * A record that cannot be written is logged; the next interval writes it. A record that comes after the turn's end is
 * dropped.
 */
export class HealthMonitor {
  readonly #options: HealthMonitorOptions;
  readonly #underWay = new Map<string, Promise<void>>();

  /** @throws DomainError InvalidInput when the time limit is not below the interval */
  constructor(options: HealthMonitorOptions) {
    this.#options = options;
    if (this.#timeoutMs <= 0 || this.#timeoutMs >= this.#intervalMs) {
      throw invalidInput('ValidationFailed', 'The health time limit must be above 0 and below the health interval.');
    }
  }

  /** Read at each use: an operator's file may change both while the process runs. */
  get #intervalMs(): number {
    return this.#options.intervalMs ?? 30_000;
  }

  get #timeoutMs(): number {
    return this.#options.timeoutMs ?? 10_000;
  }

  /** Starts what is due. Call it more often than the interval. @throws what the repository throws */
  async runOnce(): Promise<HealthRound> {
    const room = Math.min(MOST_PER_ROUND, (this.#options.maxAtOnce ?? 1_000) - this.#underWay.size);
    if (room <= 0) return { started: 0, underWay: this.#underWay.size };
    const { providers, proberId } = this.#options;
    const limits = {
      intervalMs: this.#intervalMs,
      detailMs: Math.max(10 * this.#intervalMs, 5 * MINUTE_MS),
      most: room,
    };
    const claimed = await providers.claimDueProbes(proberId, limits);
    const started = claimed.filter(({ providerId }) => !this.#underWay.has(providerId));
    for (const due of started) {
      const work = this.#probe(due).finally(() => this.#underWay.delete(due.providerId));
      this.#underWay.set(due.providerId, work);
    }
    return { started: started.length, underWay: this.#underWay.size };
  }

  /** Resolves when the probes that are under way now have ended. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay.values());
  }

  async #probe(due: DueProbe): Promise<void> {
    const { providers, proberId, clock, logger, metrics } = this.#options;
    const { providerId } = due;
    const startedMs = clock.monotonicMs();
    try {
      const provider = await providers.find(providerId);
      if (provider === undefined) return;
      const { probe, generation } = await this.#reach(provider, due);
      // A fifth of the interval, so that a real loss is shown well within the next one.
      const turn: ProbeTurn = {
        proberId,
        due,
        generation,
        warnBeforeMs: this.#options.warnBeforeMs ?? WARN_BEFORE_MS,
        confirmAfterMs: this.#intervalMs / 5,
        now: clock.now(),
      };
      const record = probe === undefined ? localRecord(provider, turn) : probeRecord(provider, probe, turn);
      const taken = await providers.recordProbe(record);
      metrics?.recordSeconds('probeDuration', (clock.monotonicMs() - startedMs) / 1000, { verdict: record.seen });
      if (taken === 'recorded') this.#tell(provider, due, record);
    } catch (error) {
      logger.error('A health probe could not be recorded.', { provider: providerId, error });
    }
  }

  /** A change of what is shown, once. */
  #tell(provider: Provider, due: DueProbe, { shown, because }: ProbeRecord): void {
    if (shown.verdict === due.shown.verdict) return;
    const fields = { provider: provider.id, name: provider.name, from: due.shown.verdict, to: shown.verdict };
    const why = because === undefined ? {} : { reason: because.reason, message: because.message };
    if (shown.verdict === 'healthy') this.#options.logger.info('cluster health changed', fields);
    else this.#options.logger.warn('cluster health changed', { ...fields, ...why });
  }

  /** What a probe of the cluster saw, and by the config and credential of which generation; nothing of a local one. */
  async #reach(provider: Provider, due: DueProbe): Promise<Reached> {
    let { generation } = provider;
    if (provider.type === 'local') return { probe: undefined, generation };
    const { connections, clock } = this.#options;
    const nowMs = (): number => clock.monotonicMs();
    const time = { nowMs, deadlineMs: nowMs() + this.#timeoutMs };
    let probe: ClusterProbe | undefined;
    try {
      await connections.withConnection(provider.id, async (connection) => {
        // As it is for others: the probe itself is never kept away, and its answer closes the breaker.
        const { pressure } = connection;
        generation = connection.generation;
        const { tektonEnabled, installTasks } = provider.settings;
        const seen = await probeCluster(connection, { ...time, tektonEnabled: tektonEnabled !== false });
        const asks = (due.detailed || isDetailAmiss(provider.health.conditions)) && seen.versionReachable;
        const options = { ...time, installTasks: installTasks !== false, tektonListed: seen.tektonListed === true };
        const detail = asks ? { detail: await probeDetail(connection, options) } : {};
        probe = { ...seen, pressure, ...detail };
        // Thrown so that the pool opens the credential anew; the probe itself stands.
        if (isRefused(seen)) throw refusedCredential(provider.id);
      });
      return { probe: probe ?? failedProbe({ reason: 'Internal', message: 'The probe gave no result.' }), generation };
    } catch (error) {
      return { probe: probe ?? failedProbe(failureOf(error)), generation };
    }
  }
}

interface Reached {
  readonly probe: ClusterProbe | undefined;
  readonly generation: number;
}

function isRefused(probe: ClusterProbe): boolean {
  return Object.values(probe.failures).some((failure) => failure.reason === 'ClusterUnauthorized');
}

function refusedCredential(providerId: string): DomainError {
  const message = `The credential of provider ${providerId} is not accepted.`;
  return new DomainError({ kind: 'Unauthenticated', reason: 'ClusterUnauthorized', message, fault: 'cluster' });
}

function failedProbe(failure: ProbeFailure): ClusterProbe {
  return unreached({ version: failure });
}
