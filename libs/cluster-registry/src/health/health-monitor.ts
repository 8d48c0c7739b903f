import type { ClusterConnectionProvider } from '@image-factory/cluster-connectors';
import {
  type Clock,
  DomainError,
  invalidInput,
  isDomainError,
  type Provider,
  type ProviderRepository,
  type Reason,
} from '@image-factory/domain';
import type { Logger, Metrics } from '@image-factory/telemetry';
import { type ClusterProbe, probeCluster } from './probe-cluster.js';
import { localRecord, probeRecord } from './probe-record.js';

export interface HealthMonitorOptions {
  readonly providers: ProviderRepository;
  readonly connections: ClusterConnectionProvider;
  /** Who probes: the dispatcher's id. */
  readonly proberId: string;
  /** Every provider is probed once in so long, by whichever dispatcher comes first. Default 30 000. */
  readonly intervalMs?: number;
  /** Limit of each request of a probe; below the interval. Default 10 000. */
  readonly timeoutMs?: number;
  /** Most probes at once in this process. Default 50. */
  readonly maxAtOnce?: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics?: Metrics;
  /** Called after a probe was recorded: the dispatcher wakes builds that waited for this provider. */
  readonly onProbed?: (providerId: string) => void;
}

/** What one round started. */
export interface HealthRound {
  readonly started: number;
  readonly underWay: number;
}

/**
 * Probes the providers that are due and records verdict and Conditions.
 *
 * Model: the database says what is due (`claimDueProbes`), so any number of dispatchers share the work. `runOnce` only
 * starts probes and never waits for one: a cluster that hangs holds its own probe for at most its time limits, and
 * nothing else. A provider whose probe is still under way is not started again here.
 *
 * Failures: whatever goes wrong on the way to a cluster is the result of the probe (Reachable is False with the reason).
 * A record that cannot be written is logged; the next interval writes it.
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
    const room = (this.#options.maxAtOnce ?? 50) - this.#underWay.size;
    if (room <= 0) return { started: 0, underWay: this.#underWay.size };
    const due = await this.#options.providers.claimDueProbes(this.#options.proberId, this.#intervalMs, room);
    const started = due.filter((providerId) => !this.#underWay.has(providerId));
    for (const providerId of started) {
      const work = this.#probe(providerId).finally(() => this.#underWay.delete(providerId));
      this.#underWay.set(providerId, work);
    }
    return { started: started.length, underWay: this.#underWay.size };
  }

  /** Resolves when the probes that are under way now have ended. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay.values());
  }

  async #probe(providerId: string): Promise<void> {
    const { providers, clock, logger, metrics } = this.#options;
    const startedMs = clock.monotonicMs();
    try {
      const provider = await providers.find(providerId);
      if (provider === undefined) return;
      const record =
        provider.type === 'local'
          ? localRecord(provider, clock.now())
          : probeRecord(provider, await this.#reach(provider), clock.now());
      await providers.recordProbe(record);
      metrics?.recordSeconds('probeDuration', (clock.monotonicMs() - startedMs) / 1000, { verdict: record.verdict });
      this.#options.onProbed?.(providerId);
    } catch (error) {
      logger.error('A health probe could not be recorded.', { providerId, error });
    }
  }

  async #reach(provider: Provider): Promise<ClusterProbe> {
    const { connections, clock } = this.#options;
    let probe: ClusterProbe | undefined;
    try {
      await connections.withConnection(provider.id, async (connection) => {
        // As it is for others: the probe itself is never kept away, and its answer closes the breaker.
        const { pressure } = connection;
        const seen = await probeCluster(connection, {
          tektonEnabled: provider.settings.tektonEnabled !== false,
          timeoutMs: this.#timeoutMs,
          nowMs: () => clock.monotonicMs(),
        });
        probe = { ...seen, pressure };
        // Thrown so that the pool opens the credential anew; the probe itself stands.
        if (isRefused(seen)) throw refusedCredential(provider.id);
      });
      return probe ?? failedProbe({ reason: 'Internal', message: 'The probe gave no result.' });
    } catch (error) {
      if (probe !== undefined) return probe;
      const failure = isDomainError(error)
        ? { reason: error.reason, message: error.message }
        : ({ reason: 'Internal', message: 'The connection could not be made.' } as const);
      return failedProbe(failure);
    }
  }
}

function isRefused(probe: ClusterProbe): boolean {
  return Object.values(probe.failures).some((failure) => failure.reason === 'ClusterUnauthorized');
}

function refusedCredential(providerId: string): DomainError {
  const message = `The credential of provider ${providerId} is not accepted.`;
  return new DomainError({ kind: 'Unauthenticated', reason: 'ClusterUnauthorized', message, fault: 'cluster' });
}

function failedProbe(failure: { readonly reason: Reason; readonly message: string }): ClusterProbe {
  return {
    versionReachable: false,
    tektonListed: undefined,
    nodesListed: undefined,
    readyNodes: undefined,
    failures: { version: failure },
    clusterUid: undefined,
    kubernetesVersion: undefined,
    nodes: undefined,
    schedulableNodes: undefined,
    latencyMs: {},
  };
}
