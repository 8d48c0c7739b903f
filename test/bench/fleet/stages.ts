import { toResult, type MeasuredResult } from '../report.ts';
import type { BuildWorld } from '../queue/build-world.ts';

/** What an attempt goes through, in order, and when each part of it begins and ends in its row. */
const STAGES: readonly (readonly [id: string, title: string, from: string, to: string])[] = [
  ['placed', 'claimed → placed', 'claimed_at', 'placed_at'],
  ['created', 'placed → its run created', 'placed_at', 'created_at'],
  ['outcome', 'created → outcome fixed', 'created_at', 'outcome_at'],
  ['pods-over', 'outcome fixed → its slots free', 'outcome_at', 'pods_over_at'],
  ['sealed', 'outcome fixed → log sealed', 'outcome_at', 'log_sealed_at'],
  ['finished', 'log sealed → finished', 'log_sealed_at', 'finished_at'],
  ['swept', 'finished → swept from its cluster', 'finished_at', 'swept_at'],
];

/** Which part of an attempt's life holds it for how long, over the attempts that ended last. */
export async function attemptStages(world: BuildWorld, most: number): Promise<MeasuredResult[]> {
  const spans = STAGES.map(([, , from, to]) => `extract(epoch FROM ${to} - ${from})::float8 * 1000`);
  const rows = await world.rows<{ ms: number[] }>(
    `SELECT ARRAY[${spans.join(', ')}] AS ms FROM build_executions
      WHERE swept_at IS NOT NULL AND outcome = 'succeeded' ORDER BY swept_at DESC LIMIT $1`,
    [most],
  );
  return STAGES.flatMap(([id, title], index) => {
    const samples = rows.flatMap(({ ms }) => ms[index] ?? []).toSorted((a, b) => a - b);
    if (samples.length === 0) return [];
    const median = Math.round(samples[Math.floor(samples.length / 2)] ?? 0);
    return [toResult({ id: `drain-stage-${id}`, title: `${title}, p95, ms (p50 ${median})`, samples, q: 0.95 })];
  });
}
