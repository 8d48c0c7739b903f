import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

const COMMIT = Buffer.from('COMMIT');
/** End of the application name in a listener's startup message. */
const LISTENER = Buffer.from('-listen\0');

/**
 * A TCP proxy in front of PostgreSQL that a test can cut or freeze, and that can lose the answer of a COMMIT: the statement
 * reaches the server and takes effect, and the client sees a broken connection.
 */
export class DatabaseProxy {
  readonly #pairs = new Set<{ client: Socket; server: Socket }>();
  #server: Server | undefined;
  #open = true;
  #frozen = false;
  #refusesListeners = false;
  #commitsToLose = 0;
  #commitsLost = 0;

  private constructor(private readonly target: URL) {}

  static async start(databaseUrl: string): Promise<DatabaseProxy> {
    const proxy = new DatabaseProxy(new URL(databaseUrl));
    const server = createServer((client) => proxy.#accept(client));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    proxy.#server = server;
    return proxy;
  }

  get url(): string {
    const url = new URL(this.target);
    url.hostname = '127.0.0.1';
    url.port = String((this.#server?.address() as AddressInfo).port);
    return url.href;
  }

  get commitsLost(): number {
    return this.#commitsLost;
  }

  /** Breaks every connection and refuses new ones. */
  cut(): void {
    this.#open = false;
    for (const pair of this.#pairs) this.#end(pair);
  }

  restore(): void {
    this.#open = true;
    this.#frozen = false;
    this.#refusesListeners = false;
  }

  /** Every connection falls silent and stays open, as when a firewall or a dead host drops the packets. */
  freeze(): void {
    this.#frozen = true;
  }

  /** Connections that would listen are broken, as by a pooler or a server without one to spare. */
  refuseListeners(): void {
    this.#refusesListeners = true;
  }

  /** The answers of the next COMMITs are lost, after they have taken effect. */
  loseCommitAnswers(count: number): void {
    this.#commitsToLose = count;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server?.close(() => resolve()));
  }

  #accept(client: Socket): void {
    if (!this.#open) {
      client.destroy();
      return;
    }
    const server = connect(Number(this.target.port), this.target.hostname);
    const pair = { client, server };
    let losing = false;
    let frozen = false;
    this.#pairs.add(pair);
    client.on('data', (data) => {
      if (this.#frozen) {
        frozen = true;
        return;
      }
      if (this.#refusesListeners && data.includes(LISTENER)) {
        this.#end(pair);
        return;
      }
      if (this.#commitsToLose > 0 && data.includes(COMMIT)) {
        this.#commitsToLose -= 1;
        losing = true;
      }
      server.write(data);
    });
    server.on('data', (data) => {
      if (frozen || this.#frozen) return;
      if (!losing) {
        client.write(data);
        return;
      }
      this.#commitsLost += 1;
      this.#end(pair);
    });
    for (const socket of [client, server]) {
      socket.on('error', () => this.#end(pair));
      socket.on('close', () => this.#end(pair));
    }
  }

  #end(pair: { client: Socket; server: Socket }): void {
    this.#pairs.delete(pair);
    pair.client.destroy();
    pair.server.destroy();
  }
}
