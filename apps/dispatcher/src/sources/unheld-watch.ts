/** So much of the patience may pass between two looks; what is longer (the process or the database was away) counts as it. */
const LOOKS = 4;

/**
 * Whether nobody holds what another process holds or held: its time has stayed the same over looks of this process's own
 * for as long as it is patient. After an outage those who hold it get their turn to say so before it is over.
 */
export class UnheldWatch {
  #seen: { readonly heldAt: string; readonly lookedAtMs: number; readonly waitedMs: number } | undefined;

  constructor(
    /** Milliseconds of a clock that never goes back. */
    private readonly monotonicMs: () => number,
    private readonly patienceMs: number,
  ) {}

  /** One look. @returns true when it has stayed the same for long enough */
  isUnheld(heldAt: string): boolean {
    const nowMs = this.monotonicMs();
    const known = this.#seen?.heldAt === heldAt ? this.#seen : undefined;
    const passedMs = known === undefined ? 0 : Math.min(nowMs - known.lookedAtMs, this.patienceMs / LOOKS);
    const waitedMs = (known?.waitedMs ?? 0) + passedMs;
    this.#seen = { heldAt, lookedAtMs: nowMs, waitedMs };
    return waitedMs >= this.patienceMs;
  }
}
