import { CHANNELS, Notifier } from '@image-factory/persistence';
import { alternate, samplesOf } from '../measure/alternate.ts';
import { loopRate } from '../measure/closed-loop.ts';
import { toResult, type MeasuredResult } from '../report.ts';
import { submitter } from './build-life.ts';
import type { QueueBench } from './queue.ts';

const CLIENTS = 16;

/** B8: submissions per second, and what it costs to wake the dispatchers. */
export async function measureEnqueue(bench: QueueBench): Promise<MeasuredResult[]> {
  const world = await bench.world('enqueue', CLIENTS);
  const bare = await bench.bare('enqueue');
  const notifier = new Notifier(world.database);
  const heard = await world.database.listen(Object.values(CHANNELS), () => undefined);
  try {
    const submit = await submitter(world, 200);
    let index = 0;
    const items = bench.quick ? 300 : 2_000;
    const rate = (work: (index: number) => Promise<unknown>): Promise<number> =>
      loopRate({ loops: CLIENTS, items, limitMs: 20_000 }, async () => {
        await work((index += 1));
        return 1;
      });
    const insert = `INSERT INTO bare_jobs (tenant, queue_key, payload) VALUES ($1::integer, $1::bigint, repeat('x', 300))`;
    const samples = await alternate(bench.rounds, [
      { name: 'silent', round: () => rate(submit) },
      { name: 'waking', round: () => rate(async (at) => notifier.touch(CHANNELS.queue, await submit(at))) },
      { name: 'bare', round: () => rate((at) => bare.pool.query(insert, [at])) },
      {
        name: 'naive',
        round: () =>
          rate(async (at) => {
            const client = await bare.pool.connect();
            try {
              await client.query('BEGIN');
              await client.query(insert, [at]);
              await client.query(`SELECT pg_notify('naive', $1)`, [String(at)]);
              await client.query('COMMIT');
            } finally {
              client.release();
            }
          }),
      },
    ]);
    return [
      toResult({
        id: 'B8-wake',
        title: `submissions/s with wake-up, ${CLIENTS} clients`,
        samples: samplesOf(samples, 'waking'),
        q: 0.5,
        control: { name: 'the same without wake-up', samples: samplesOf(samples, 'silent') },
        target: { text: 'at most 1.1 × slower', met: (_value, ratio) => ratio !== null && ratio >= 1 / 1.1 },
      }),
      toResult({
        id: 'B8-bare',
        title: `submissions/s (number, build, configuration, lane, event in one transaction), ${CLIENTS} clients`,
        samples: samplesOf(samples, 'silent'),
        q: 0.5,
        control: { name: 'bare INSERT of one row', samples: samplesOf(samples, 'bare') },
      }),
      toResult({
        id: 'B8-naive',
        title: 'bare insert with NOTIFY in its transaction, inserts/s (what is avoided)',
        samples: samplesOf(samples, 'naive'),
        q: 0.5,
        control: { name: 'bare INSERT of one row', samples: samplesOf(samples, 'bare') },
      }),
    ];
  } finally {
    await heard.close();
    await notifier.close();
    await Promise.all([world.close(), bare.close()]);
  }
}
