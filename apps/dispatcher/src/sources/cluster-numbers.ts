import type { DeclaredSettings } from '@image-factory/cluster-registry';
import type { Logger } from '@image-factory/telemetry';

/** Numbers by which clusters are probed and their connections kept; all in milliseconds but `maxClients`. */
export interface ClusterNumbers {
  readonly healthIntervalMs: number;
  readonly healthTimeoutMs: number;
  readonly maxIdleMs: number;
  readonly maxClients: number;
}

const MAX_IDLE_MS = 10 * 60_000;
const MAX_CLIENTS = 50;

type FromEnvironment = Pick<ClusterNumbers, 'healthIntervalMs' | 'healthTimeoutMs'>;

/**
 * The numbers in force: those of the configuration file, else the environment's. They change while the process runs, so
 * they are read at each use and never copied.
 */
export class LiveClusterNumbers implements ClusterNumbers {
  #declared: Partial<DeclaredSettings> = {};

  constructor(
    private readonly environment: FromEnvironment,
    private readonly logger: Logger,
  ) {}

  get healthIntervalMs(): number {
    return this.#declared.healthIntervalMs ?? this.environment.healthIntervalMs;
  }

  get healthTimeoutMs(): number {
    return this.#declared.healthTimeoutMs ?? this.environment.healthTimeoutMs;
  }

  get maxIdleMs(): number {
    return this.#declared.maxIdleMs ?? MAX_IDLE_MS;
  }

  get maxClients(): number {
    return this.#declared.maxClients ?? MAX_CLIENTS;
  }

  /** Takes over what the file says; a timeout that is not below the other source's interval leaves both to the latter. */
  declare(settings: Partial<DeclaredSettings>): void {
    const interval = settings.healthIntervalMs ?? this.environment.healthIntervalMs;
    const timeout = settings.healthTimeoutMs ?? this.environment.healthTimeoutMs;
    if (timeout < interval) {
      this.#declared = settings;
      return;
    }
    this.#declared = { ...settings, healthIntervalMs: undefined, healthTimeoutMs: undefined };
    this.logger.error('health_check of the configuration file is not used: with the environment, timeout >= interval', {
      interval_ms: interval,
      timeout_ms: timeout,
    });
  }
}
