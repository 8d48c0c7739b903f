import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateEncryptionKeys } from '@image-factory/persistence';
import { InMemoryImageRegistry } from '@image-factory/test-support';
import type { BuildPlan } from '../load/build-plan.ts';
import { DispatcherProcess } from '../process/dispatcher-process.ts';
import { ChaosCluster, IMAGE_PATH } from './chaos-cluster.ts';
import { ChaosDatabase } from './chaos-database.ts';
import type { ChaosPostgres } from './chaos-postgres.ts';
import { LiveRuns } from './live-runs.ts';

/** Clusters by name with the most builds at once. */
const CLUSTERS = { east: 5, west: 0 } as const;
export const DISPATCHERS = 3;

interface WorldParts {
  readonly database: ChaosDatabase;
  readonly registry: InMemoryImageRegistry;
  readonly clusters: readonly ChaosCluster[];
  readonly live: LiveRuns;
  readonly dataDir: string;
  readonly plans: BuildPlan[];
}

/** Everything of one round: a fresh database, two clusters, a registry, and three places for dispatchers. */
export class ChaosWorld {
  readonly postgres: ChaosPostgres;
  readonly database: ChaosDatabase;
  readonly registry: InMemoryImageRegistry;
  readonly clusters: readonly ChaosCluster[];
  readonly live: LiveRuns;
  readonly plans: BuildPlan[];
  /** Whoever stands in each place now. */
  readonly dispatchers: DispatcherProcess[] = [];
  /** Everybody who ever did. */
  readonly everStarted: DispatcherProcess[] = [];
  readonly #dataDir: string;
  readonly #keys = generateEncryptionKeys();

  private constructor(postgres: ChaosPostgres, parts: WorldParts) {
    this.postgres = postgres;
    this.database = parts.database;
    this.registry = parts.registry;
    this.clusters = parts.clusters;
    this.live = parts.live;
    this.plans = parts.plans;
    this.#dataDir = parts.dataDir;
  }

  static async open(postgres: ChaosPostgres): Promise<ChaosWorld> {
    const dataDir = await mkdtemp(join(tmpdir(), 'image-factory-chaos-'));
    const database = await ChaosDatabase.open();
    const registry = await InMemoryImageRegistry.start();
    const plans: BuildPlan[] = [];
    const live = new LiveRuns();
    const clusters: ChaosCluster[] = [];
    const isRecorded = (uid: string): Promise<boolean> => database.isRecorded(uid);
    for (const [name, maxRuns] of Object.entries(CLUSTERS)) {
      const cluster = await ChaosCluster.start({ name, maxRuns, registry, plans, live, isRecorded });
      clusters.push(cluster);
      await database.addProvider(cluster, dataDir);
    }
    const world = new ChaosWorld(postgres, { database, registry, clusters, live, dataDir, plans });
    for (let place = 0; place < DISPATCHERS; place += 1) world.startDispatcher(place);
    return world;
  }

  get imageRepository(): string {
    return `${this.registry.host}/${IMAGE_PATH}`;
  }

  /** A new process in that place. */
  startDispatcher(place: number): DispatcherProcess {
    const started = new DispatcherProcess({
      name: `p${this.everStarted.length + 1}`,
      databaseUrl: this.database.test.url,
      dataDir: this.#dataDir,
      encryptionKeys: this.#keys,
      registry: this.registry.host,
    });
    this.dispatchers[place] = started;
    this.everStarted.push(started);
    return started;
  }

  dispatcher(place: number): DispatcherProcess {
    const found = this.dispatchers[place];
    if (found === undefined) throw new Error(`no dispatcher in place ${place}`);
    return found.alive ? found : this.startDispatcher(place);
  }

  async close(): Promise<void> {
    await Promise.all(this.everStarted.filter((one) => one.alive).map((one) => one.kill()));
    for (const cluster of this.clusters) await cluster.close();
    await this.registry.close();
    await this.database.close();
    await rm(this.#dataDir, { recursive: true, force: true });
  }
}
