import type { Database, Statement, Transaction } from '@image-factory/persistence';

/** What one statement is sent without. */
export interface Weakening {
  /** Name of the statement, or a part of its text when it has none. */
  readonly of: string;
  /** What it holds. */
  readonly without: string | RegExp;
  /** Stands there instead; default: nothing. */
  readonly instead?: string;
}

/**
 * The same database for stores whose statements lack a rule: what a test of that rule proves must not hold here. All else
 * is as it was.
 */
export function weakened(database: Database, ...weakenings: readonly Weakening[]): Database {
  const weaken = (sql: string | Statement): string => {
    const { name, text } = typeof sql === 'string' ? { name: undefined, text: sql } : sql;
    return weakenings
      .filter(({ of }) => (name === undefined ? text.includes(of) : name === of))
      .reduce((rest, { of, without, instead = '' }) => {
        const changed = rest.replace(without, instead);
        if (changed === rest) throw new Error(`"${of}" has no "${String(without)}"`);
        return changed;
      }, text);
  };
  const send = (sql: string | Statement): string | Statement => {
    const text = weaken(sql);
    return typeof sql !== 'string' && sql.text === text ? sql : text;
  };
  const weak: Partial<Database> = {
    query: (sql, parameters) => database.query(send(sql), parameters),
    transaction: (work, options) => database.transaction((tx) => work(weakTransaction(tx, send)), options),
  };
  return new Proxy(database, {
    get: (target, key) => Reflect.get(key in weak ? weak : target, key) as unknown,
  });
}

function weakTransaction(tx: Transaction, send: (sql: string | Statement) => string | Statement): Transaction {
  return {
    inTransaction: true,
    query: (sql, parameters) => tx.query(send(sql), parameters),
    queryLast: (sql, parameters) => tx.queryLast(send(sql), parameters),
  };
}
