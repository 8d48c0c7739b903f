import type { ClusterConnectionProvider } from '@image-factory/cluster-connectors';
import { type Clock, type DetectedCapabilities, isDomainError } from '@image-factory/domain';
import type { Logger } from '@image-factory/telemetry';
import { detectCapabilities } from './detect-capabilities.js';

export interface CapabilityDetectionOptions {
  readonly connections: ClusterConnectionProvider;
  /** Takes providers that are due, each for one dispatcher until the interval is over. */
  readonly claimDue: (intervalMs: number, limit: number) => Promise<readonly string[]>;
  /** `superseded`: the config has changed meanwhile; what was seen is dropped, and the provider is due again. */
  readonly record: (providerId: string, look: DetectedCapabilities) => Promise<'recorded' | 'superseded'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How often a cluster is looked at. Default 10 minutes. */
  readonly intervalMs?: number;
  /** How often this process asks what is due. Default 20 s. */
  readonly lookMs?: number;
}

const INTERVAL_MS = 10 * 60_000;
const LOOK_MS = 20_000;
const REQUEST_MS = 15_000;
const AT_ONCE = 10;

/**
 * Looks at what clusters can do, seldom: architectures, GPUs, storage and versions change slowly, and whole Node objects
 * are large. The database says what is due, so any number of dispatchers share the work; a round only starts looks, and a
 * cluster that hangs holds its own look for at most its requests' limits. A part that a look cannot see stays as it was
 * seen last. `stop` ends looks where they are: nothing of them is stored.
 */
export class CapabilityDetection {
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #stop = new AbortController();
  #lookAtMs = 0;

  constructor(private readonly options: CapabilityDetectionOptions) {}

  /** Starts what is due; call it as often as you like. @returns how many looks were started */
  async runOnce(): Promise<number> {
    const { claimDue, clock, intervalMs = INTERVAL_MS, lookMs = LOOK_MS } = this.options;
    const nowMs = clock.monotonicMs();
    const room = AT_ONCE - this.#underWay.size;
    if (nowMs < this.#lookAtMs || room <= 0 || this.#stop.signal.aborted) return 0;
    this.#lookAtMs = nowMs + lookMs;
    const due = (await claimDue(intervalMs, room)).filter((providerId) => !this.#underWay.has(providerId));
    for (const providerId of due) {
      const work = this.#look(providerId).finally(() => this.#underWay.delete(providerId));
      this.#underWay.set(providerId, work);
    }
    return due.length;
  }

  /** Resolves when the looks that are under way now have ended. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay.values());
  }

  /** Ends the looks that are under way, and starts none any more. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('detection stops'));
    await this.settled();
  }

  async #look(providerId: string): Promise<void> {
    const { connections, record, clock, logger } = this.options;
    try {
      const detected = await connections.withConnection(providerId, (connection) =>
        detectCapabilities(connection, { timeoutMs: REQUEST_MS, now: clock.now(), signal: this.#stop.signal }),
      );
      if (!this.#stop.signal.aborted) await record(providerId, detected);
    } catch (error) {
      // What keeps a connection from being made is shown by the health probe.
      if (!isDomainError(error))
        logger.warn('a cluster’s capabilities could not be detected', { provider: providerId, error });
    }
  }
}
