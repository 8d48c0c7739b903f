import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../schedule/random.ts';
import type { ChaosWorld } from '../world/chaos-world.ts';
import { makePlan } from './build-plan.ts';

const OPEN_BUILDS = 16;
const LOOK_MS = 60;

/** Keeps about as many builds open as the clusters can take, and cancels those whose plan says so. */
export class BuildLoad {
  readonly #world: ChaosWorld;
  readonly #random: Random;
  /** Ids of the builds whose submission was answered. */
  readonly acknowledged: string[] = [];
  #stopped = false;
  readonly #running: Promise<void>;
  readonly #cancels: Promise<void>[] = [];

  constructor(world: ChaosWorld, random: Random) {
    this.#world = world;
    this.#random = random;
    this.#running = this.#run();
  }

  /** Submits nothing more; resolves when every cancel is asked for. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    await Promise.all(this.#cancels);
  }

  async #run(): Promise<void> {
    const { database, plans } = this.#world;
    while (!this.#stopped) {
      const [open] = await database.query<{ count: number }>(
        `SELECT count(*)::int AS count FROM builds WHERE finished_at IS NULL`,
      );
      for (let missing = OPEN_BUILDS - (open?.count ?? 0); missing > 0 && !this.#stopped; missing -= 1) {
        const plan = makePlan(plans.length, this.#random);
        plans.push(plan);
        const buildId = await database.submit(plan, this.#world.imageRepository);
        if (buildId === undefined) continue;
        this.acknowledged.push(buildId);
        if (plan.ending === 'cancelled') {
          this.#cancels.push(delay(plan.cancelAfterMs).then(() => database.cancel(buildId)));
        }
      }
      await delay(LOOK_MS);
    }
  }
}
