import type { Clock } from '@image-factory/domain';

/**
 * Stops our own writes before anyone may take over (correctness rule 3). The lease is counted from the moment before
 * the heartbeat was sent, on two clocks: the monotonic one, which NTP cannot move, and the wall clock, which goes on
 * while a machine is suspended. Writes are allowed until `leaseMs - marginMs` by both.
 */
export class SelfFence {
  readonly #limitMs: number;
  #renewed: { readonly monotonicMs: number; readonly wallMs: number } | undefined;

  constructor(
    private readonly clock: Clock,
    leaseMs: number,
    marginMs: number = leaseMs / 3,
  ) {
    this.#limitMs = leaseMs - marginMs;
  }

  /** A reading to hand to `renewed` once the heartbeat that was sent after it has succeeded. */
  reading(): { readonly monotonicMs: number; readonly wallMs: number } {
    return { monotonicMs: this.clock.monotonicMs(), wallMs: this.clock.now().getTime() };
  }

  renewed(sentAt: { readonly monotonicMs: number; readonly wallMs: number }): void {
    this.#renewed = sentAt;
  }

  lapse(): void {
    this.#renewed = undefined;
  }

  mayWrite(): boolean {
    if (this.#renewed === undefined) return false;
    const now = this.reading();
    return (
      now.monotonicMs - this.#renewed.monotonicMs < this.#limitMs && now.wallMs - this.#renewed.wallMs < this.#limitMs
    );
  }
}
