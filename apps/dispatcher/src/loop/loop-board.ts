import type { Clock } from '@image-factory/domain';

/** What one loop says of itself to `/livez`. */
export interface LoopReport {
  readonly name: string;
  readonly rounds: number;
  readonly failures: number;
  readonly last_round_age_ms: number;
  readonly last_success_age_ms: number | undefined;
  readonly last_error: string | undefined;
  /** False when no round, good or bad, has ended for longer than the loop may take. */
  readonly alive: boolean;
}

/** Counts one loop's rounds. A failing round is a round: a database outage must not have the process killed. */
export class LoopStatus {
  #rounds = 0;
  #failures = 0;
  #lastRoundMs: number;
  #lastSuccessMs: number | undefined;
  #lastError: string | undefined;

  constructor(
    readonly name: string,
    private readonly maxAgeMs: number,
    private readonly clock: Clock,
  ) {
    this.#lastRoundMs = clock.monotonicMs();
  }

  succeeded(): void {
    this.#rounds += 1;
    this.#lastRoundMs = this.#lastSuccessMs = this.clock.monotonicMs();
    this.#lastError = undefined;
  }

  failed(error: unknown): void {
    this.#rounds += 1;
    this.#failures += 1;
    this.#lastRoundMs = this.clock.monotonicMs();
    this.#lastError = error instanceof Error ? error.message : String(error);
  }

  report(): LoopReport {
    const now = this.clock.monotonicMs();
    const age = Math.round(now - this.#lastRoundMs);
    return {
      name: this.name,
      rounds: this.#rounds,
      failures: this.#failures,
      last_round_age_ms: age,
      last_success_age_ms: this.#lastSuccessMs === undefined ? undefined : Math.round(now - this.#lastSuccessMs),
      last_error: this.#lastError,
      alive: age <= this.maxAgeMs,
    };
  }
}

/** Every loop of the process, for `/livez` and the metrics. */
export class LoopBoard {
  readonly #loops: LoopStatus[] = [];

  constructor(private readonly clock: Clock) {}

  add(name: string, maxAgeMs: number): LoopStatus {
    const status = new LoopStatus(name, maxAgeMs, this.clock);
    this.#loops.push(status);
    return status;
  }

  reports(): LoopReport[] {
    return this.#loops.map((loop) => loop.report());
  }
}
