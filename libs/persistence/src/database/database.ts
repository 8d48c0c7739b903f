import type pg from 'pg';
import { DataSource } from 'typeorm';
import { DomainError } from '@image-factory/domain';
import { Batches } from './batches.js';
import { columnTypes } from './column-types.js';
import { ENTITIES } from './entities/index.js';
import { Listener, type Subscription } from './listener.js';
import { assertSchemaVersion } from './schema-version.js';
import { sendTogether } from './send-together.js';
import { isCommitUnknown, isConnectionLoss, isTransactionConflict, toDatabaseError } from './sql-state.js';
import type { Queryable, Statement, Transaction, TransactionOptions } from './transaction.js';

export type { Queryable, Statement, Transaction, TransactionOptions } from './transaction.js';

export interface DatabaseOptions {
  /** PostgreSQL URL. */
  readonly url: string;
  /** Most connections of the pool; a listener has one more of its own. */
  readonly poolSize: number;
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string;
  /** Longest time of one statement, in milliseconds; default 30,000. */
  readonly statementTimeoutMs?: number;
  /** A process that is frozen in the middle of a transaction holds its locks no longer than this; default and most 10,000. */
  readonly idleTransactionTimeoutMs?: number;
  /** Longest wait for a connection, a new one or a free one of the pool, in milliseconds; default 5,000. */
  readonly waitLimitMs?: number;
  /** Most callers that wait for a connection at once; default 1,000. */
  readonly maxWaiting?: number;
}

/** Connections of the pool now, and callers that wait for one. */
export interface DatabaseConnections {
  readonly used: number;
  readonly idle: number;
  readonly waiting: number;
}

/** What the database says about its connections. */
export interface DatabaseLogger {
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
}

const CONFLICT_RETRIES = 5;
const CONNECT_BACK_OFF_MS = { first: 100, most: 5_000 } as const;
const WAIT_LIMIT_MS = 5_000;
const MAX_WAITING = 1_000;
const IDLE_TRANSACTION_TIMEOUT_MS = 10_000;
const STATEMENT_TIMEOUT_MS = 30_000;
/** The server ends a statement first; who waits for longer than this share of that time waits for a dead connection. */
const ANSWER_SHARE = 1.2;

/**
 * The connection to PostgreSQL: a pool behind a TypeORM DataSource.
 *
 * States: *new* (made, `connect` not finished; every query throws DatabaseUnavailable), *open* (entered when `connect`
 * resolves; the pool replaces broken connections by itself, so a database that goes away makes single calls fail with
 * a retryable DatabaseUnavailable and later ones succeed), *closed* (entered by `close`, never left).
 *
 * Who finds no free connection waits, for `waitLimitMs` at most and among `maxWaiting` at most; then it is refused with a
 * retryable DatabaseUnavailable, so that a slow database makes callers fail, not pile up.
 *
 * A COMMIT whose answer is lost is an unknown outcome: the error then has `details.commitUnknown`, and the caller reads
 * back what it wrote (correctness rule 2).
 */
export class Database implements Queryable {
  readonly dataSource: DataSource;
  /** What is gathered into batches over this database. */
  readonly batches = new Batches();
  readonly #options: DatabaseOptions;
  readonly #logger: DatabaseLogger | undefined;
  #onError: (reason: string) => void = () => undefined;

  private constructor(options: DatabaseOptions, logger: DatabaseLogger | undefined) {
    const statementTimeoutMs = options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS;
    this.#options = options;
    this.#logger = logger;
    this.dataSource = new DataSource({
      type: 'postgres',
      url: options.url,
      entities: [...ENTITIES],
      synchronize: false,
      installExtensions: false,
      poolSize: options.poolSize,
      applicationName: options.applicationName,
      connectTimeoutMS: options.waitLimitMs ?? WAIT_LIMIT_MS,
      poolErrorHandler: (error: unknown) => this.#warn('an idle database connection was lost', error),
      extra: {
        types: columnTypes,
        onConnect: outliveErrors,
        keepAlive: true,
        pipeline: true,
        statement_timeout: statementTimeoutMs,
        query_timeout: Math.ceil(statementTimeoutMs * ANSWER_SHARE),
        idle_in_transaction_session_timeout: Math.min(
          options.idleTransactionTimeoutMs ?? IDLE_TRANSACTION_TIMEOUT_MS,
          IDLE_TRANSACTION_TIMEOUT_MS,
        ),
      },
    });
  }

  static create(options: DatabaseOptions, logger?: DatabaseLogger): Database {
    return new Database(options, logger);
  }

  /**
   * Waits with back-off until the database answers, then checks that its schema is the one that this version needs.
   * @throws DomainError Unavailable SchemaOutdated; the signal's reason when aborted
   */
  async connect(signal?: AbortSignal): Promise<void> {
    for (let delayMs: number = CONNECT_BACK_OFF_MS.first; ; delayMs = Math.min(delayMs * 2, CONNECT_BACK_OFF_MS.most)) {
      signal?.throwIfAborted();
      try {
        if (!this.dataSource.isInitialized) await this.dataSource.initialize();
        await assertSchemaVersion(this);
        return;
      } catch (error) {
        const known = toDatabaseError(error);
        if (known.reason !== 'DatabaseUnavailable') throw known;
        this.#warn(`the database does not answer; tried again in ${delayMs} ms`, error);
        await delay(delayMs, signal);
      }
    }
  }

  async isReachable(): Promise<boolean> {
    try {
      await this.query('SELECT 1');
      return true;
    } catch {
      return false;
    }
  }

  /** Undefined until it is open. */
  connections(): DatabaseConnections | undefined {
    if (!this.dataSource.isInitialized) return undefined;
    const { totalCount, idleCount, waitingCount } = this.#driverPool();
    return { used: totalCount - idleCount, idle: idleCount, waiting: waitingCount };
  }

  /** `listener` is told the reason of every error that a caller gets; a second one replaces the first. */
  onError(listener: (reason: string) => void): void {
    this.#onError = listener;
  }

  async query<T>(sql: string | Statement, parameters: readonly unknown[] = []): Promise<T[]> {
    try {
      const result = await this.#pool().query(queryConfig(sql, parameters));
      return result.rows as T[];
    } catch (error) {
      throw this.#known(error);
    }
  }

  /**
   * Runs `work` in one READ COMMITTED transaction; a deadlock or serialization failure runs it again from its start, so
   * `work` must have no effect outside of it. Statements that it sends without awaiting the one before go out together
   * and run in their order: one round trip for all of them.
   */
  async transaction<T>(work: (transaction: Transaction) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    for (let retries = 0; ; retries += 1) {
      try {
        return await this.#transactionOnce(work, options);
      } catch (error) {
        if (!isTransactionConflict(error) || retries >= CONFLICT_RETRIES) throw this.#known(error);
        await delay(Math.random() * 10 * 2 ** retries);
      }
    }
  }

  /** Listens on a connection of its own, which connects again by itself; then every channel is called with `''`. */
  async listen(
    channels: readonly string[],
    onNotification: (channel: string, payload: string) => void,
  ): Promise<Subscription> {
    const listener = new Listener(
      { connectionString: this.#options.url, application_name: `${this.#options.applicationName}-listen` },
      channels,
      onNotification,
      (message, error) => this.#warn(message, error),
    );
    await listener.start();
    return listener;
  }

  async close(): Promise<void> {
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
  }

  async #transactionOnce<T>(work: (transaction: Transaction) => Promise<T>, options: TransactionOptions): Promise<T> {
    const client = await this.#checkOut();
    let broken: Error | undefined;
    const onError = (error: Error): void => {
      broken = error;
    };
    client.on('error', onError);
    const transaction = new OpenTransaction(client);
    try {
      // Its answer is waited for: behind one that was cancelled the server would run each statement by itself.
      await client.query(beginOf(options));
      const result = await work(transaction);
      await transaction.commit();
      return result;
    } catch (error) {
      transaction.end();
      if (isConnectionLoss(error) || isCommitUnknown(error)) broken = broken ?? (error as Error);
      else await client.query('ROLLBACK').catch((failure: Error) => onError(failure));
      throw error;
    } finally {
      client.off('error', onError);
      client.release(broken ?? false);
    }
  }

  async #checkOut(): Promise<pg.PoolClient> {
    try {
      return await this.#pool().connect();
    } catch (error) {
      throw toDatabaseError(error);
    }
  }

  #pool(): pg.Pool {
    if (!this.dataSource.isInitialized) {
      throw new DomainError({
        kind: 'Unavailable',
        reason: 'DatabaseUnavailable',
        message: 'the database is not connected',
        retryable: true,
      });
    }
    const pool = this.#driverPool();
    const most = this.#options.maxWaiting ?? MAX_WAITING;
    if (pool.waitingCount < most) return pool;
    throw new DomainError({
      kind: 'Unavailable',
      reason: 'DatabaseUnavailable',
      message: `${most} callers wait for a database connection already; try again`,
      retryable: true,
      retryAfterSeconds: 1,
    });
  }

  #driverPool(): pg.Pool {
    return (this.dataSource.driver as unknown as { master: pg.Pool }).master;
  }

  /** What a use case throws of its own accord in a transaction is no error of the database's. */
  #known(error: unknown): DomainError {
    const known = toDatabaseError(error);
    if (known !== error || known.reason === 'DatabaseUnavailable') this.#onError(known.reason);
    return known;
  }

  #warn(message: string, error: unknown): void {
    this.#logger?.warn(message, { error: error instanceof Error ? error.message : String(error) });
  }
}

/**
 * The pool listens for errors of idle connections, `query` and `transaction` for those of theirs. Between the two nobody
 * does: an answer and the server's good-bye that arrive in one packet reach a connection that was handed on and is not
 * taken up yet, and an error that nobody listens for ends the process. Whoever uses it next is told by its own query.
 */
function outliveErrors(client: pg.Client): void {
  client.on('error', () => undefined);
}

function beginOf(options: TransactionOptions): string {
  return ['BEGIN', ...(options.settings ?? []).map((setting) => `SET LOCAL ${setting}`)].join('; ');
}

function queryConfig(sql: string | Statement, parameters: readonly unknown[]): pg.QueryConfig {
  return typeof sql === 'string' ? { text: sql, values: [...parameters] } : { ...sql, values: [...parameters] };
}

class OpenTransaction implements Transaction {
  readonly inTransaction = true;
  #committed: Promise<pg.QueryResult> | undefined;
  #over = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(private readonly client: pg.PoolClient) {}

  /**
   * What has failed first is why all that was sent behind it fails too, which the server says only as "aborted" (25P02).
   * @returns that first error
   */
  #failed(error: unknown): unknown {
    this.#failure ??= { error };
    return this.#failure.error;
  }

  /** Of works that run beside each other one has failed: what another still sends must not run after the ROLLBACK. */
  end(): void {
    this.#over = true;
  }

  async query<T>(sql: string | Statement, parameters: readonly unknown[] = []): Promise<T[]> {
    this.#assertOpen();
    sendTogether(this.client);
    try {
      const result = await this.client.query(queryConfig(sql, parameters));
      return result.rows as T[];
    } catch (error) {
      throw this.#failed(error);
    }
  }

  async queryLast<T>(sql: string | Statement, parameters: readonly unknown[] = []): Promise<T[]> {
    this.#assertOpen();
    sendTogether(this.client);
    const answered = this.client.query(queryConfig(sql, parameters));
    this.#committed = this.client.query('COMMIT');
    this.end();
    // Awaited by `commit`; a statement that fails is told first, and the server then rolls back.
    this.#committed.catch(() => undefined);
    try {
      return (await answered).rows as T[];
    } catch (error) {
      const first = this.#failed(error);
      throw isConnectionLoss(first) ? commitUnknown(first) : first;
    }
  }

  async commit(): Promise<void> {
    this.end();
    let command: string;
    try {
      ({ command } = await (this.#committed ?? this.client.query('COMMIT')));
    } catch (error) {
      throw isConnectionLoss(error) ? commitUnknown(error) : error;
    }
    // PostgreSQL answers so when a statement failed whose error nobody passed on.
    if (command === 'ROLLBACK') throw new Error('the transaction was rolled back: one of its statements had failed');
  }

  #assertOpen(): void {
    if (this.#over) throw new Error('the transaction is over');
  }
}

function commitUnknown(cause: unknown): DomainError {
  return new DomainError({
    kind: 'Unavailable',
    reason: 'DatabaseUnavailable',
    message: 'the connection was lost while committing: whether it took effect has to be read back',
    details: { commitUnknown: true },
    cause,
  });
}

async function delay(ms: number, signal?: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      signal?.removeEventListener('abort', abort);
      resolve();
    }
    function abort(): void {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    }
    signal?.addEventListener('abort', abort, { once: true });
  });
}
