import { PgBoss, type FetchOptions, type JobInsert } from 'pg-boss';
import { loopRate } from '../../measure/closed-loop.ts';
import type { DrainRequest, QueueContender } from './queue-contender.ts';

export const PG_BOSS_QUEUE = 'bench';
const INSERTED_AT_ONCE = 20_000;

/** pg-boss in this process, without its periodic maintenance. */
export class PgBossDatabase {
  readonly boss: PgBoss;
  #queued = 0;

  private constructor(boss: PgBoss) {
    this.boss = boss;
  }

  static async open(url: string): Promise<PgBossDatabase> {
    const boss = new PgBoss({
      connectionString: url,
      max: 10,
      supervise: false,
      schedule: false,
      useListenNotify: true,
    });
    boss.on('error', () => undefined);
    boss.on('warning', () => undefined);
    await boss.start();
    await boss.createQueue(PG_BOSS_QUEUE, { notify: true });
    return new PgBossDatabase(boss);
  }

  async add(count: number, job: (index: number) => JobInsert): Promise<void> {
    for (let done = 0; done < count; done += INSERTED_AT_ONCE) {
      const size = Math.min(INSERTED_AT_ONCE, count - done);
      await this.boss.insert(
        PG_BOSS_QUEUE,
        Array.from({ length: size }, (_unused, index) => job(done + index)),
      );
    }
    this.#queued += count;
    if (count > 10_000) await this.boss.getDb().executeSql('ANALYZE', []);
  }

  async topUp(backlog: number): Promise<void> {
    if (backlog > this.#queued) await this.add(backlog - this.#queued, () => ({ data: {} }));
  }

  contender(name: string, options: FetchOptions & { readonly loops: number }): QueueContender {
    const take = async (): Promise<number> => {
      const jobs = await this.boss.fetch(PG_BOSS_QUEUE, options);
      if (jobs.length === 0) return 0;
      await this.boss.complete(
        PG_BOSS_QUEUE,
        jobs.map((one) => one.id),
      );
      this.#queued -= jobs.length;
      return jobs.length;
    };
    return {
      name,
      topUp: (backlog) => this.topUp(backlog),
      drain: (request: DrainRequest) =>
        loopRate({ loops: options.loops, items: request.jobs, limitMs: request.limitMs }, take),
      close: () => Promise.resolve(),
    };
  }

  async close(): Promise<void> {
    await this.boss.stop({ graceful: false });
  }
}
