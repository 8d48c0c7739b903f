import { access } from 'node:fs/promises';
import type { RunDirectory } from '../workspace/run-directory.js';
import type { Ending } from '../workspace/run-state.js';

export const TICK_MS = 100;

/** Asked at every tick; an ending that it returns ends the run. */
export type TickCheck = () => Promise<Ending | undefined>;

/**
 * Watches for everything that ends a run before its steps do: a stop that was asked for, the run's own limit, a log that
 * grows without bound, a signal to the supervisor. `signal` is aborted then, once, and `ending` says why.
 */
export class RunGuard {
  readonly signal: AbortSignal;
  #ending: Ending | undefined;
  readonly #controller = new AbortController();
  readonly #directory: RunDirectory;
  readonly #limitSeconds: number;
  readonly #deadlineMs: number;
  readonly #checks = new Set<TickCheck>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(directory: RunDirectory, limitSeconds: number) {
    this.#directory = directory;
    this.#limitSeconds = limitSeconds;
    this.#deadlineMs = performance.now() + limitSeconds * 1000;
    this.signal = this.#controller.signal;
    this.#arm();
    for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.on(name, () => this.end({ kind: 'host-lost', message: `The host told the run to end (${name}).` }));
    }
  }

  get ending(): Ending | undefined {
    return this.#ending;
  }

  end(ending: Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    this.#controller.abort();
  }

  /** Returns how to take the check away again. */
  addCheck(check: TickCheck): () => void {
    this.#checks.add(check);
    return () => this.#checks.delete(check);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #arm(): void {
    this.#timer = setTimeout(() => {
      void this.#tick().finally(() => {
        if (!this.#closed) this.#arm();
      });
    }, TICK_MS);
  }

  async #tick(): Promise<void> {
    for (const check of this.#checks) {
      const ending = await check().catch(() => undefined);
      if (ending !== undefined) this.end(ending);
    }
    if (performance.now() > this.#deadlineMs) this.end({ kind: 'timed-out', limitSeconds: this.#limitSeconds });
    const stop = await access(this.#directory.file('stop.json')).then(
      () => true,
      () => false,
    );
    if (stop) this.end({ kind: 'stopped' });
  }
}
