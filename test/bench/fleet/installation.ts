import {
  generateEncryptionKeys,
  parseEncryptionKeys,
  PostgresProviders,
  SecretCipher,
  type ProviderInput,
} from '@image-factory/persistence';
import { BuildWorld } from '../queue/build-world.ts';
import { ProductProcess } from './product-process.ts';

/** What a first rush of claims parked is woken when the database's time is trusted, a lease after the start. */
export const SHORT_LEASE = { IF_DISPATCHER_LEASE_MS: '4000', IF_DISPATCHER_HEARTBEAT_MS: '1000' };

/** A database of the product with its encryption keys, and the processes that were started on it. */
export class Installation {
  readonly world: BuildWorld;
  readonly #keys = generateEncryptionKeys();
  readonly #processes: ProductProcess[] = [];

  private constructor(world: BuildWorld) {
    this.world = world;
  }

  static async open(serverUrl: string, name: string): Promise<Installation> {
    return new Installation(await BuildWorld.open(serverUrl, name));
  }

  async addClusters(
    configs: readonly Readonly<Record<string, string>>[],
    more: Partial<ProviderInput> = {},
  ): Promise<string[]> {
    const providers = new PostgresProviders(this.world.database, new SecretCipher(parseEncryptionKeys(this.#keys)));
    const ids: string[] = [];
    for (const [index, config] of configs.entries()) {
      const input: ProviderInput = {
        name: `cluster-${index}`,
        type: 'kubernetes',
        isGlobal: true,
        allowPrivileged: true,
        config,
        ...more,
      };
      ids.push((await this.world.database.transaction((tx) => providers.create(tx, input))).id);
    }
    return ids;
  }

  /**
   * Starts dispatchers while dispatching is paused, and lets it go on once every cluster is healthy: what is claimed
   * before that would wait out its parking.
   */
  async startDispatchers(count: number, environment: Readonly<Record<string, string>>): Promise<ProductProcess[]> {
    const started: ProductProcess[] = [];
    await this.paused(async () => {
      for (let index = 0; index < count; index += 1) started.push(await this.start('dispatcher', environment));
      const clusters = await this.world.number('SELECT count(*) AS n FROM providers');
      const healthy = `SELECT count(*) AS n FROM providers WHERE health = 'healthy' AND tekton_answers`;
      await this.reaches('all clusters to be healthy', healthy, clusters, 120_000);
    });
    return started;
  }

  /** Nothing is claimed while `work` is under way. */
  async paused(work: () => Promise<void>): Promise<void> {
    await this.world.rows('UPDATE installation SET dispatch_paused = true');
    await work();
    await this.world.rows('UPDATE installation SET dispatch_paused = false');
  }

  async start(app: 'api' | 'dispatcher', environment: Readonly<Record<string, string>> = {}): Promise<ProductProcess> {
    const databaseUrl = new URL(this.world.url);
    // Its connections say whose they are to the triggers that judge writes (test/chaos/world/guard-triggers.ts).
    databaseUrl.searchParams.set('options', `-c chaos.process=${app}-${this.#processes.length}`);
    const started = await ProductProcess.start({
      app,
      databaseUrl: databaseUrl.href,
      encryptionKeys: this.#keys,
      environment,
    });
    this.#processes.push(started);
    return started;
  }

  /** @throws Error when `sql` does not count at least `wanted` in time */
  async reaches(what: string, sql: string, wanted: number, withinMs: number): Promise<void> {
    const found = await this.countsUpTo(sql, wanted, withinMs);
    if (found < wanted) throw new Error(`${what}: ${found} of ${wanted} after ${withinMs / 1000} s`);
  }

  /** What `sql` counts: looked at every 100 ms until that is at least `wanted`, or the time is over. */
  async countsUpTo(sql: string, wanted: number, withinMs: number): Promise<number> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const found = await this.world.number(sql);
      if (found >= wanted || performance.now() > deadline) return found;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#processes.map((one) => one.stop('SIGKILL')));
    await this.world.close();
  }
}
