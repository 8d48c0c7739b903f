import type { Transaction } from '../database/database.js';
import { promoteAll, type Promotion } from './promote-tags.js';
import { FREE_SLOTS, SET_CREDENTIALS_REMOVED, SET_SWEPT } from './statements.js';

interface FreedRow {
  readonly id: string;
  readonly others_wait: boolean;
}

/** What the freeing of a slot found: builds of the tenant wait for room of their project or for a key. */
export interface FreedSlot {
  readonly othersWait: boolean;
}

interface OfExecution {
  readonly executionId: string;
}

/**
 * Gathers what the writes of one transaction ask of the same statement before any of them waits, and runs it once for
 * all: a lane's or a provider's row then changes once, however many of its builds are in the batch.
 */
class Joined<Item extends OfExecution, Result> {
  #items: Item[] = [];
  #results: Promise<ReadonlyMap<string, Result>> | undefined;

  constructor(private readonly run: (items: readonly Item[]) => Promise<ReadonlyMap<string, Result>>) {}

  /** Undefined when the statement did not change the execution. */
  async add(item: Item): Promise<Result | undefined> {
    this.#items.push(item);
    this.#results ??= this.#runSoon();
    const results = await this.#results;
    return results.get(item.executionId);
  }

  async #runSoon(): Promise<ReadonlyMap<string, Result>> {
    await Promise.resolve();
    const items = this.#items;
    this.#items = [];
    this.#results = undefined;
    return this.run(items);
  }
}

/**
 * Statements that are run once for all executions of a batch; all of them are locked, with their lanes, providers and
 * tags.
 */
export class JoinedStatements {
  readonly #slots: Joined<OfExecution, FreedSlot>;
  readonly #credentials: Joined<OfExecution, true>;
  readonly #swept: Joined<OfExecution, true>;
  readonly #promotions: Joined<Promotion, ReadonlySet<string>>;

  constructor(tx: Transaction) {
    this.#slots = new Joined(async (items) => {
      const rows = await tx.query<FreedRow>(FREE_SLOTS, [idsOf(items)]);
      return new Map(rows.map((row) => [row.id, { othersWait: row.others_wait }]));
    });
    const mark = (statement: typeof SET_SWEPT): Joined<OfExecution, true> =>
      new Joined(async (items) => {
        const rows = await tx.query<{ id: string }>(statement, [idsOf(items)]);
        return new Map(rows.map((row) => [row.id, true as const]));
      });
    this.#credentials = mark(SET_CREDENTIALS_REMOVED);
    this.#swept = mark(SET_SWEPT);
    this.#promotions = new Joined((items) => promoteAll(tx, items));
  }

  /** Frees the slots of the lane, the project and the provider, once; undefined when they were free already. */
  freeSlot(executionId: string): Promise<FreedSlot | undefined> {
    return this.#slots.add({ executionId });
  }

  async markCredentialsRemoved(executionId: string): Promise<boolean> {
    return (await this.#credentials.add({ executionId })) === true;
  }

  /** False for an attempt that has not ended. */
  async markSwept(executionId: string): Promise<boolean> {
    return (await this.#swept.add({ executionId })) === true;
  }

  /** Those of the tags that the build has won. */
  async promoteTags(promotion: Promotion): Promise<ReadonlySet<string>> {
    return (await this.#promotions.add(promotion)) ?? new Set();
  }
}

function idsOf(items: readonly OfExecution[]): string[] {
  return items.map(({ executionId }) => executionId);
}
