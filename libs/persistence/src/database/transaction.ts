/** A statement that a connection keeps prepared under its name: for hot paths, planned once per connection. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** What a read or a single write needs: the database itself, or an open transaction. */
export interface Queryable {
  /** Runs one statement and returns its rows. `bigint` and `date` arrive as `number` and `YYYY-MM-DD`. */
  query<T>(sql: string | Statement, parameters?: readonly unknown[]): Promise<T[]>;
}

/** An open transaction (READ COMMITTED). Only valid inside the callback that received it. */
export interface Transaction extends Queryable {
  /** Keeps a plain {@link Queryable} from being taken for a transaction. */
  readonly inTransaction: true;
  /**
   * Runs the transaction's last statement with the COMMIT right behind it: one round trip for both. Nothing may follow.
   * Its rows are there before the commit is: nobody may act on them until `transaction` has returned.
   */
  queryLast<T>(sql: string | Statement, parameters?: readonly unknown[]): Promise<T[]>;
}

/**
 * Settings for transactions whose named statements take arrays of keys. The planner would find the plan for each call's
 * own short array cheaper than the one for all, and so plan anew at every call, which takes longer than the call. A plan
 * that is kept was made when the tables may have been empty: it has to go by key whatever their size was.
 */
export const KEYED_PLANS: readonly string[] = [
  'plan_cache_mode = force_generic_plan',
  'enable_seqscan = off',
  'enable_hashjoin = off',
  'enable_mergejoin = off',
];

export interface TransactionOptions {
  /** Settings for this transaction only, `name = value`, sent together with its BEGIN. Constants of the program. */
  readonly settings?: readonly string[];
}
