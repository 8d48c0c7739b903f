import type { ClaimedExecution } from '@image-factory/persistence';
import type { QueueWorld } from './queue-world.js';

/** (Σx)² / n·Σx²: 1 when all are equal, 1/n when one has all. */
export function jain(values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  const squares = values.reduce((total, value) => total + value * value, 0);
  return (sum * sum) / (values.length * squares);
}

interface Running {
  readonly claimed: ClaimedExecution;
  readonly endsAt: number;
}

/** A place with a fixed number of slots, in which every build runs for the same number of rounds. */
export class SlotWorld {
  readonly running: Running[] = [];
  round = 0;

  constructor(
    readonly world: QueueWorld,
    readonly dispatcherId: string,
    readonly slots: number,
    readonly rounds: number,
  ) {}

  /** Ends what is due, then claims for every free slot. */
  async step(): Promise<readonly ClaimedExecution[]> {
    this.round += 1;
    const due = this.running.filter((one) => one.endsAt <= this.round);
    for (const one of due) {
      await this.world.fail(one.claimed, this.dispatcherId);
      this.running.splice(this.running.indexOf(one), 1);
    }
    const claimed: ClaimedExecution[] = [];
    while (this.running.length < this.slots) {
      const limit = this.slots - this.running.length;
      const batch = (await this.world.queue.claim({ dispatcherId: this.dispatcherId, limit })).claimed;
      if (batch.length === 0) break;
      // The first ones end one after the other, so that afterwards slots free up evenly.
      for (const one of batch) {
        const spread = this.round === 1 ? this.running.length % this.rounds : this.rounds - 1;
        this.running.push({ claimed: one, endsAt: this.round + 1 + spread });
      }
      claimed.push(...batch);
    }
    return claimed;
  }
}
