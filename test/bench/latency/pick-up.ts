import { setTimeout as delay } from 'node:timers/promises';
import { CHANNELS, Notifier, PostgresBuildSubmissions } from '@image-factory/persistence';
import { makeDatabase } from '../database/make-database.ts';
import { Installation } from '../fleet/installation.ts';
import { paced } from '../measure/closed-loop.ts';
import { imagelessBuild } from '../queue/build-life.ts';
import { GraphileDatabase } from '../queue/peer/graphile-queue.ts';
import { toResult, type MeasuredResult } from '../report.ts';

export interface LatencyOptions {
  readonly serverUrl: string;
  readonly quick: boolean;
  readonly rounds: number;
}

/** Gives one round's latencies in milliseconds. */
type Round = (perSecond: number, count: number) => Promise<number[]>;

interface Subject {
  readonly round: Round;
  close(): Promise<void>;
}

const IDLE_PER_SECOND = 10;
const LOADED_PER_SECOND = 300;

/**
 * B7: from the moment before a submission's COMMIT is sent until a dispatcher process has the claimed build in hand, as
 * its log says; beside graphile-worker from the moment before an added job's COMMIT is sent to the start of its handler,
 * in this process. No cluster takes part: a claimed build finds no provider.
 */
export async function measurePickUpLatency(options: LatencyOptions): Promise<MeasuredResult[]> {
  const ours = await openOurs(options.serverUrl);
  const peer = await openGraphile(options.serverUrl);
  try {
    await ours.round(IDLE_PER_SECOND, 10);
    await peer.round(IDLE_PER_SECOND, 10);
    const results: MeasuredResult[] = [];
    for (const [name, perSecond, count] of [
      ['idle', IDLE_PER_SECOND, options.quick ? 50 : 60],
      ['300', LOADED_PER_SECOND, options.quick ? 900 : 1_500],
    ] as const) {
      const samples: { ours: number[]; peer: number[] } = { ours: [], peer: [] };
      for (let round = 0; round < options.rounds; round += 1) {
        samples.ours.push(...(await ours.round(perSecond, count)));
        samples.peer.push(...(await peer.round(perSecond, count)));
        // What was sent in a round must not be what the next one waits for.
        await delay(1_000);
      }
      results.push(...toResults(name, perSecond, samples));
    }
    return results;
  } finally {
    await ours.close();
    await peer.close();
  }
}

function toResults(name: string, perSecond: number, samples: { ours: number[]; peer: number[] }): MeasuredResult[] {
  return [0.5, 0.95, 0.99].map((q) =>
    toResult({
      id: `B7-${name}-p${q * 100}`,
      title: `submission → claimed build in the dispatcher’s hand, ${perSecond}/s, p${q * 100} of ${samples.ours.length}, ms`,
      samples: samples.ours,
      q,
      control: { name: 'graphile-worker, add → handler', samples: samples.peer },
      ...(q === 0.95
        ? {
            target: {
              text: 'p95 at most 1.5 × and at most 28 ms',
              met: (value: number, ratio: number | null) => ratio !== null && ratio <= 1.5 && value <= 28,
            },
          }
        : {}),
    }),
  );
}

async function openOurs(serverUrl: string): Promise<Subject> {
  const installation = await Installation.open(serverUrl, 'latency');
  const { world } = installation;
  const notifier = new Notifier(world.database);
  const tenants = await world.tenants(20, { maxRunning: 1_000_000 });
  const projects = await world.rows<{ tenant_id: string; id: string }>(
    'SELECT tenant_id, id FROM projects WHERE tenant_id = ANY ($1::uuid[])',
    [tenants],
  );
  const dispatcher = await installation.start('dispatcher', {
    IF_DISPATCHER_SLOTS: '10000',
    IF_LOGGER_LEVEL: 'info',
  });
  const submissions = new PostgresBuildSubmissions(world.queue);
  const round: Round = async (perSecond, count) => {
    const committingAt = new Map<string, number>();
    await paced(perSecond, (count * 1000) / perSecond, async (index) => {
      const project = projects[index % projects.length];
      if (project === undefined) throw new Error('no project');
      const build = imagelessBuild(project.tenant_id, project.id);
      await world.database.transaction(async (tx) => {
        const { id } = await submissions.insert(tx, build);
        committingAt.set(id, performance.timeOrigin + performance.now());
      });
      notifier.touch(CHANNELS.queue, project.tenant_id);
    });
    const ids = [...committingAt.keys()];
    const waiting =
      'SELECT count(*)::integer AS n FROM builds WHERE id = ANY ($1::uuid[]) AND attempt = 0 AND bounces = 0';
    while ((await world.number(waiting, [ids])) > 0) await delay(100);
    // A line is written after the claim's commit.
    let claimedAt = firstClaims(await dispatcher.logged());
    while (ids.some((id) => !claimedAt.has(id))) {
      await delay(100);
      claimedAt = firstClaims(await dispatcher.logged());
    }
    const lags = [...committingAt].map(([id, at]) => (claimedAt.get(id) ?? Number.NaN) - at);
    // They wait for a provider: none may wake and be claimed again in a later round.
    await world.rows(`UPDATE builds SET parked_wake_at = now() + interval '1 day' WHERE parked IS NOT NULL`);
    return lags;
  };
  return {
    round,
    close: async () => {
      await notifier.close();
      await installation.close();
    },
  };
}

/** When the dispatcher had each build in hand for the first time, in milliseconds of the wall clock that all share. */
function firstClaims(lines: readonly Record<string, unknown>[]): Map<string, number> {
  const claims = lines.filter(({ message }) => message === 'build claimed').toReversed();
  return new Map(claims.map(({ build, time }) => [String(build), Date.parse(String(time))]));
}

async function openGraphile(serverUrl: string): Promise<Subject> {
  const peer = await GraphileDatabase.open(await makeDatabase(serverUrl, 'latency_graphile'));
  const startedAt = new Map<number, number>();
  const runner = await peer.start(0, (payload) =>
    startedAt.set((payload as { index: number }).index, performance.now()),
  );
  let total = 0;
  const round: Round = async (perSecond, count) => {
    const first = total;
    total += count;
    const committingAt = new Map<number, number>();
    await paced(perSecond, (count * 1000) / perSecond, async (index) => {
      const client = await peer.pool.connect();
      try {
        await client.query('BEGIN');
        await client.query(`SELECT graphile_worker.add_job('bench', json_build_object('index', $1::integer))`, [
          first + index,
        ]);
        committingAt.set(first + index, performance.now());
        await client.query('COMMIT');
      } finally {
        client.release();
      }
    });
    while ([...committingAt.keys()].some((index) => !startedAt.has(index))) await delay(100);
    const lags = [...committingAt].flatMap(([index, at]) => {
      const started = startedAt.get(index);
      return started === undefined ? [] : [started - at];
    });
    return lags;
  };
  return {
    round,
    close: async () => {
      await runner.stop();
      await peer.close();
    },
  };
}
