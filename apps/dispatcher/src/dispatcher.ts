import { isDomainError } from '@image-factory/domain';
import type { Database } from '@image-factory/persistence';
import type { Logger, Metrics } from '@image-factory/telemetry';
import type { DatabaseClock } from './lease/database-clock.js';
import { backOffMs } from './loop/back-off.js';
import { LoopBoard, type LoopReport } from './loop/loop-board.js';
import { PeriodicTask } from './maintenance/periodic-task.js';
import { periodicTasks } from './maintenance/periodic-tasks.js';
import { followOnce } from './runtime/follow-once.js';
import { DispatcherRuntime } from './runtime/dispatcher-runtime.js';
import type { DispatcherSettings } from './runtime/dispatcher-settings.js';
import type { RuntimeParts } from './runtime/runtime-parts.js';

/** What the process is made of before the database has answered. */
export interface DispatcherParts {
  readonly settings: DispatcherSettings;
  readonly database: Database;
  /** Called once the database answers. */
  readonly openParts: () => Promise<Pick<RuntimeParts, 'installationId' | 'stores' | 'places' | 'sources'>>;
  /** Opens the port and the timers around the dispatcher. */
  readonly openFrame: (dispatcher: Dispatcher) => Promise<DispatcherFrame>;
  readonly metricsText: () => Promise<string>;
  readonly clock: DatabaseClock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface DispatcherFrame {
  /** The port that answers; undefined when none was asked for. */
  readonly port: number | undefined;
  close(): Promise<void>;
}

export interface Readiness {
  readonly ready: boolean;
  readonly database: boolean;
  readonly lease: boolean;
  readonly stopping: boolean;
}

const CONNECT = { baseMs: 200, capMs: 5_000 };

/**
 * The dispatcher process. Its port answers from the first second; the work begins when the database does.
 *
 * Modes: made → waiting (start; the database does not answer yet) → working → stopped (stop) or abandoned.
 */
export class Dispatcher {
  readonly board: LoopBoard;
  readonly tasks: readonly PeriodicTask[];
  readonly #stop = new AbortController();
  #runtime: DispatcherRuntime | undefined;
  #frame: DispatcherFrame | undefined;

  constructor(private readonly parts: DispatcherParts) {
    this.board = new LoopBoard(parts.clock);
    this.tasks = periodicTasks(parts.settings.healthIntervalMs).map(
      (definition) =>
        new PeriodicTask(
          definition,
          () => this.#runtime,
          this.board.add(definition.name, Math.max(300_000, definition.everyMs * 3)),
          parts.logger,
        ),
    );
  }

  get settings(): DispatcherSettings {
    return this.parts.settings;
  }

  /** The runtime, once the database has answered. */
  get runtime(): DispatcherRuntime | undefined {
    return this.#runtime;
  }

  get port(): number | undefined {
    return this.#frame?.port;
  }

  /** Resolves when the dispatcher works: a database that is down is waited for. */
  async start(autoDispatch = true): Promise<void> {
    this.#frame = await this.parts.openFrame(this);
    const runtime = await this.#makeRuntime();
    if (runtime === undefined) return;
    this.#runtime = runtime;
    runtime.start(autoDispatch);
    this.parts.logger.info('Build dispatcher started', {
      host: this.settings.host,
      slots: this.settings.slots,
      port: this.port,
    });
  }

  /** Claims what it may, follows it to the end. @returns the exit code: 0 when every build was completed */
  async runOnce(): Promise<number> {
    await this.start(false);
    const runtime = this.#runtime;
    return runtime === undefined ? 1 : followOnce(runtime, this.#stop.signal);
  }

  /** Gives everything back and closes; within 20 s. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('the dispatcher stops'));
    await this.#runtime?.stop();
    await this.#close();
  }

  /** Stops where it is without a write, as a crash would. */
  async abandon(): Promise<void> {
    this.#stop.abort(new Error('the dispatcher is abandoned'));
    this.#runtime?.abandon();
    await this.#close();
  }

  loopReports(): LoopReport[] {
    return this.board.reports();
  }

  async readiness(): Promise<Readiness> {
    const database = await this.parts.database.isReachable();
    const lease = this.#runtime?.lease.mayWrite() ?? false;
    const stopping = this.#stop.signal.aborted;
    return { ready: database && lease && !stopping, database, lease, stopping };
  }

  metricsText(): Promise<string> {
    return this.parts.metricsText();
  }

  async #makeRuntime(): Promise<DispatcherRuntime | undefined> {
    const { clock, logger, metrics, settings } = this.parts;
    for (let tries = 0; !this.#stop.signal.aborted; tries += 1) {
      try {
        await this.parts.database.connect(this.#stop.signal);
        const opened = await this.parts.openParts();
        await opened.stores.logs.ensurePartitions(3);
        return new DispatcherRuntime({ ...opened, clock, logger, metrics }, settings, this.board);
      } catch (error) {
        if (this.#stop.signal.aborted) return undefined;
        if (!isDomainError(error) || error.reason !== 'DatabaseUnavailable') throw error;
        logger.warn('the database went away while starting; tried again', { error });
        await clock.sleep(backOffMs(tries, CONNECT), this.#stop.signal).catch(() => undefined);
      }
    }
    return undefined;
  }

  async #close(): Promise<void> {
    this.#runtime?.parts.sources.close();
    await this.#runtime?.parts.places.close();
    await this.#frame?.close();
    await this.parts.database.close();
  }
}
