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
}

export interface TransactionOptions {
  /** Settings for this transaction only, `name = value`, sent together with its BEGIN. Constants of the program. */
  readonly settings?: readonly string[];
}
