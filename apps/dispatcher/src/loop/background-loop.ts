import type { Clock } from '@image-factory/domain';
import type { Logger } from '@image-factory/telemetry';
import { withJitter } from './back-off.js';
import type { LoopBoard, LoopStatus } from './loop-board.js';

export interface BackgroundLoopOptions {
  readonly name: string;
  readonly intervalMs: number;
  /** Share of the interval by which each wait differs; 0.1 unless told. */
  readonly jitter?: number;
  /** A loop that has ended no round for this long is reported as dead; ten intervals, at least a minute, unless told. */
  readonly maxAgeMs?: number;
  /** Returns milliseconds until the next round when it knows better than the interval. */
  readonly runOnce: (signal: AbortSignal) => Promise<number | void>;
}

export interface LoopParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly board: LoopBoard;
}

/**
 * The skeleton of every background service: rounds that never overlap, a wait that a wake-up cuts short, failures that
 * are counted and logged and never end the loop.
 *
 * Modes: idle (made) → running (start) → stopped (stop; resolves when the round in progress has ended).
 */
export class BackgroundLoop {
  readonly #stop = new AbortController();
  readonly #status: LoopStatus;
  #wake: AbortController | undefined;
  #woken = false;
  #done: Promise<void> | undefined;

  constructor(
    private readonly options: BackgroundLoopOptions,
    private readonly parts: LoopParts,
  ) {
    this.#status = parts.board.add(options.name, options.maxAgeMs ?? Math.max(60_000, options.intervalMs * 10));
  }

  start(): void {
    this.#done ??= this.#run();
  }

  /** The next round starts now, or right after the one in progress. */
  wake(): void {
    this.#woken = true;
    this.#wake?.abort();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake?.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#woken = false;
      const waitMs = await this.#round();
      if (!this.#woken && !this.#stop.signal.aborted) await this.#wait(waitMs);
    }
  }

  async #round(): Promise<number> {
    let next: number | void = undefined;
    try {
      next = await this.options.runOnce(this.#stop.signal);
      this.#status.succeeded();
    } catch (error) {
      if (!this.#stop.signal.aborted) {
        this.#status.failed(error);
        this.parts.logger.warn('a background loop failed a round; it goes on', { loop: this.options.name, error });
      }
    }
    return next ?? withJitter(this.options.intervalMs, this.options.jitter ?? 0.1);
  }

  async #wait(ms: number): Promise<void> {
    this.#wake = new AbortController();
    try {
      await this.parts.clock.sleep(ms, this.#wake.signal);
    } catch {
      // woken or stopped
    } finally {
      this.#wake = undefined;
    }
  }
}
