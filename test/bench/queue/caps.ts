import { toResult, type MeasuredResult } from '../report.ts';
import { type BuildWorld, connect } from './build-world.ts';
import type { QueueBench } from './queue.ts';
import { PostgresBuildQueue, type Database } from '@image-factory/persistence';

const CLAIMERS = 8;
const TENANTS = 20;
const CAP = 5;

interface Probe {
  readonly over: number;
  readonly most: number;
  readonly looks: number;
}

interface Round extends Probe {
  readonly ended: number;
  readonly kills: number;
  readonly drift: number;
}

/**
 * B5: eight claimers (a process's worth of connections each) claim and end without a pause while one of them is killed
 * every 100 ms: its backends are terminated wherever they are, its lease ends, and what it had claimed is requeued by
 * the others. A probe counts what really runs, in one snapshot, as often as it can.
 */
export async function measureCaps(bench: QueueBench): Promise<MeasuredResult[]> {
  const rounds: Round[] = [];
  for (let round = 0; round < (bench.quick ? 1 : bench.rounds); round += 1) {
    const world = await bench.world(`caps_${round}`);
    try {
      rounds.push(await claimUnderKills(world, bench.quick));
    } finally {
      await world.close();
    }
  }
  const sum = (field: keyof Round): number => rounds.reduce((all, round) => all + round[field], 0);
  const said = `${sum('ended')} builds, ${sum('kills')} kills, ${sum('looks')} looks`;
  return [
    toResult({
      id: 'B5-over',
      title: `times that a look saw a tenant over its limit of ${CAP}; ${CLAIMERS} claimers, ${said}`,
      samples: rounds.map(({ over }) => over),
      q: 1,
      target: { text: '0', met: (value) => value === 0 },
    }),
    toResult({
      id: 'B5-most',
      title: `most builds of a tenant that were seen to run (limit ${CAP})`,
      samples: rounds.map(({ most }) => most),
      q: 1,
      target: { text: `${CAP}: reached, never passed`, met: (value) => value === CAP },
    }),
    toResult({
      id: 'B5-drift',
      title: 'counters that the reconciler had to correct afterwards',
      samples: rounds.map(({ drift }) => drift),
      q: 1,
      target: { text: '0', met: (value) => value === 0 },
    }),
  ];
}

async function claimUnderKills(world: BuildWorld, quick: boolean): Promise<Round> {
  const tenants = await world.tenants(TENANTS, { maxRunning: CAP });
  await world.fill(tenants, { perTenant: quick ? 300 : 2_000 });
  const until = performance.now() + (quick ? 4_000 : 10_000);
  const claimers = Array.from({ length: CLAIMERS }, (_unused, index) => new Claimer(world, index));
  const [probe, kills, ended] = await Promise.all([
    probeLimits(world, until),
    killEvery(world, until, claimers),
    Promise.all(claimers.map((claimer) => claimer.run(until))),
  ]);
  for (const claimer of claimers) await claimer.close();
  const { drift, providers } = await world.queue.reconcileCounters();
  return { ...probe, kills, ended: ended.reduce((all, one) => all + one, 0), drift: drift.length + providers.length };
}

/** A claimer that can be killed at any await, as its process would be. */
class Claimer {
  readonly name: string;
  readonly #world: BuildWorld;
  #database: Database | undefined;
  #dispatcherId = '';

  constructor(world: BuildWorld, index: number) {
    this.#world = world;
    this.name = `claimer_${index}`;
  }

  get dispatcherId(): string {
    return this.#dispatcherId;
  }

  async run(until: number): Promise<number> {
    let ended = 0;
    this.#database = await connect(this.#world.url, 4, this.name);
    const queue = new PostgresBuildQueue(this.#database);
    this.#dispatcherId = await this.#world.dispatcher();
    while (performance.now() < until) {
      const dispatcherId = this.#dispatcherId;
      try {
        await queue.releaseAbandoned(new Date());
        const { claimed } = await queue.claim({ dispatcherId, limit: 12 });
        const message = 'ended by the benchmark';
        for (const { executionId } of claimed) {
          if (await queue.failPlacing({ executionId, dispatcherId, reason: 'BuildConfigInvalid', message })) ended += 1;
        }
      } catch {
        // Its connections were cut: it comes back as a new dispatcher, and its claims are left as a dead one's are.
        this.#dispatcherId = await this.#world.dispatcher();
      }
    }
    return ended;
  }

  async close(): Promise<void> {
    await this.#database?.close();
  }
}

async function killEvery(world: BuildWorld, until: number, claimers: readonly Claimer[]): Promise<number> {
  let kills = 0;
  while (performance.now() < until - 500) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const victim = claimers[kills % claimers.length];
    if (victim === undefined || victim.dispatcherId === '') continue;
    await world.rows(`UPDATE dispatchers SET lease_until = now() - interval '1 second' WHERE id = $1`, [
      victim.dispatcherId,
    ]);
    await world.rows('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1', [
      victim.name,
    ]);
    kills += 1;
  }
  return kills;
}

async function probeLimits(world: BuildWorld, until: number): Promise<Probe> {
  let [over, most, looks] = [0, 0, 0];
  while (performance.now() < until) {
    const n = await world.number(
      `SELECT max(n) AS n FROM (
         SELECT count(*) AS n FROM build_executions
          WHERE slot_held AND state IN ('placing', 'creating', 'starting', 'running', 'sealing', 'promoting') GROUP BY tenant_id) r`,
    );
    looks += 1;
    most = Math.max(most, n);
    if (n > CAP) over += 1;
  }
  return { over, most, looks };
}
