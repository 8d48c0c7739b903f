import type { Transaction } from '../database/database.js';
import { FREE_SLOTS, SET_CREDENTIALS_REMOVED, SET_SWEPT } from './statements.js';

interface FreedRow {
  readonly id: string;
  readonly others_wait: boolean;
}

/** What the freeing of a slot found: builds of the tenant wait for room of their project or for a key. */
export interface FreedSlot {
  readonly othersWait: boolean;
}

/**
 * Gathers what the writes of one transaction ask of the same statement before any of them waits, and runs it once for
 * all: a lane's or a provider's row then changes once, however many of its builds are in the batch.
 */
class Joined<Result> {
  #ids: string[] = [];
  #results: Promise<ReadonlyMap<string, Result>> | undefined;

  constructor(private readonly run: (ids: readonly string[]) => Promise<ReadonlyMap<string, Result>>) {}

  /** Undefined when the statement did not change the execution. */
  async add(executionId: string): Promise<Result | undefined> {
    this.#ids.push(executionId);
    this.#results ??= this.#runSoon();
    const results = await this.#results;
    return results.get(executionId);
  }

  async #runSoon(): Promise<ReadonlyMap<string, Result>> {
    await Promise.resolve();
    const ids = this.#ids;
    this.#ids = [];
    this.#results = undefined;
    return this.run(ids);
  }
}

/** Statements that are run once for all executions of a batch; all of them are locked, with their lanes and providers. */
export class JoinedStatements {
  readonly #slots: Joined<FreedSlot>;
  readonly #credentials: Joined<true>;
  readonly #swept: Joined<true>;

  constructor(tx: Transaction) {
    this.#slots = new Joined(async (ids) => {
      const rows = await tx.query<FreedRow>(FREE_SLOTS, [ids]);
      return new Map(rows.map((row) => [row.id, { othersWait: row.others_wait }]));
    });
    const mark = (statement: typeof SET_SWEPT): Joined<true> =>
      new Joined(async (ids) => {
        const rows = await tx.query<{ id: string }>(statement, [ids]);
        return new Map(rows.map((row) => [row.id, true as const]));
      });
    this.#credentials = mark(SET_CREDENTIALS_REMOVED);
    this.#swept = mark(SET_SWEPT);
  }

  /** Frees the slots of the lane, the project and the provider, once; undefined when they were free already. */
  freeSlot(executionId: string): Promise<FreedSlot | undefined> {
    return this.#slots.add(executionId);
  }

  async markCredentialsRemoved(executionId: string): Promise<boolean> {
    return (await this.#credentials.add(executionId)) === true;
  }

  /** False for an attempt that has not ended. */
  async markSwept(executionId: string): Promise<boolean> {
    return (await this.#swept.add(executionId)) === true;
  }
}
