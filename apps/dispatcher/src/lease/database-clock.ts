import { Clock } from '@image-factory/domain';

interface Reading {
  readonly databaseMs: number;
  readonly monotonicMs: number;
}

/**
 * The database's time as this process knows it: what the database said last, carried on by the monotonic clock. What is
 * compared with a time that another machine has written is compared by this clock and never by the machine's own, which
 * may be an hour away. Until the database has said it, with the first lease, it is the machine's own.
 */
export class DatabaseClock extends Clock {
  #last: Reading | undefined;

  /** @param machine what the process itself runs by */
  constructor(readonly machine: Clock) {
    super();
  }

  /** The database said just now what time it is. @returns by how much it went other than our monotonic clock, in ms */
  heard(databaseNow: Date): number {
    const last = this.#last;
    const reading = { databaseMs: databaseNow.getTime(), monotonicMs: this.machine.monotonicMs() };
    this.#last = reading;
    if (last === undefined) return 0;
    return reading.databaseMs - last.databaseMs - (reading.monotonicMs - last.monotonicMs);
  }

  override now(): Date {
    if (this.#last === undefined) return this.machine.now();
    return new Date(this.#last.databaseMs + (this.machine.monotonicMs() - this.#last.monotonicMs));
  }

  override monotonicMs(): number {
    return this.machine.monotonicMs();
  }

  override sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.machine.sleep(ms, signal);
  }
}
