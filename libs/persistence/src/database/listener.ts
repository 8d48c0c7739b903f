import pg from 'pg';

/** A running LISTEN. */
export interface Subscription {
  close(): Promise<void>;
}

const BACK_OFF_MS = { first: 100, most: 5_000 } as const;
const CHECK_INTERVAL_MS = 20_000;
const CHECK_TIMEOUT_MS = 10_000;

/**
 * One connection that listens.
 *
 * States: *connected* (LISTEN is on; a check every 20 s finds a half-open socket), *waiting* (entered when the
 * connection fails; left when a new one listens, after which every channel is called with an empty payload because
 * notifications may have been missed), *closed* (entered by `close`, never left).
 */
export class Listener implements Subscription {
  #client: pg.Client | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #backOffMs: number = BACK_OFF_MS.first;

  constructor(
    private readonly connection: pg.ClientConfig,
    private readonly channels: readonly string[],
    private readonly onNotification: (channel: string, payload: string) => void,
    private readonly onTrouble: (message: string, error: unknown) => void,
  ) {}

  /** Resolves when it listens; later losses are handled inside. */
  async start(): Promise<void> {
    await this.#open();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined);
  }

  async #open(): Promise<void> {
    const client = new pg.Client({ ...this.connection, keepAlive: true, connectionTimeoutMillis: CHECK_TIMEOUT_MS });
    client.on('error', (error) => this.#lose(client, error));
    client.on('end', () => this.#lose(client, new Error('the connection ended')));
    client.on('notification', (message) => this.onNotification(message.channel, message.payload ?? ''));
    try {
      await client.connect();
      for (const channel of this.channels) await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    if (this.#closed) {
      await client.end().catch(() => undefined);
      return;
    }
    this.#client = client;
    this.#backOffMs = BACK_OFF_MS.first;
    this.#scheduleCheck(client);
  }

  #scheduleCheck(client: pg.Client): void {
    this.#timer = setTimeout(() => {
      const timeout = setTimeout(() => this.#lose(client, new Error('no answer')), CHECK_TIMEOUT_MS);
      client
        .query('SELECT 1')
        .then(() => {
          if (this.#client === client) this.#scheduleCheck(client);
        })
        .catch((error: unknown) => this.#lose(client, error))
        .finally(() => clearTimeout(timeout));
    }, CHECK_INTERVAL_MS);
    this.#timer.unref();
  }

  #lose(client: pg.Client, error: unknown): void {
    if (this.#closed || this.#client !== client) return;
    this.#client = undefined;
    clearTimeout(this.#timer);
    void client.end().catch(() => undefined);
    this.onTrouble('the listening connection was lost; it connects again', error);
    this.#reopenLater();
  }

  #reopenLater(): void {
    const delayMs = this.#backOffMs * (0.5 + Math.random() / 2);
    this.#backOffMs = Math.min(this.#backOffMs * 2, BACK_OFF_MS.most);
    this.#timer = setTimeout(() => {
      this.#open()
        .then(() => {
          if (!this.#closed) for (const channel of this.channels) this.onNotification(channel, '');
        })
        .catch((error: unknown) => {
          if (this.#closed) return;
          this.onTrouble('the listening connection cannot be opened; tried again', error);
          this.#reopenLater();
        });
    }, delayMs);
  }
}
