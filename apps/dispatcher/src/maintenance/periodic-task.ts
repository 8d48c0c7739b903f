import type { Logger } from '@image-factory/telemetry';
import type { LoopStatus } from '../loop/loop-board.js';
import type { DispatcherRuntime } from '../runtime/dispatcher-runtime.js';

/** One kind of periodic work: a name, how often, and one round that returns how much it did. */
export interface PeriodicTaskDefinition {
  readonly name: string;
  readonly everyMs: number;
  readonly run: (runtime: DispatcherRuntime) => Promise<number>;
}

/** Runs a task's rounds: never two at once, failures counted and logged, nothing while there is no lease. */
export class PeriodicTask {
  #running: Promise<void> | undefined;

  constructor(
    readonly definition: PeriodicTaskDefinition,
    private readonly runtime: () => DispatcherRuntime | undefined,
    private readonly status: LoopStatus,
    private readonly logger: Logger,
  ) {}

  /** One round, unless the last one still runs. */
  tick(): Promise<void> {
    this.#running ??= this.#round().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #round(): Promise<void> {
    const runtime = this.runtime();
    if (runtime === undefined || runtime.isStopping || !runtime.lease.mayWrite()) return this.status.succeeded();
    try {
      const count = await this.definition.run(runtime);
      this.status.succeeded();
      if (count > 0) this.logger.debug('periodic work done', { task: this.definition.name, count });
    } catch (error) {
      if (runtime.isStopping) return;
      this.status.failed(error);
      this.logger.warn('periodic work failed; the next round tries again', { task: this.definition.name, error });
    }
  }
}
