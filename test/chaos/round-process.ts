/** Runs rounds with a PostgreSQL of its own, one after the other, for the suite that started it. */
import { runRound } from './run-round.ts';
import type { RoundOrder } from './round-worker.ts';
import { crossingFaults, OTHER_FAULTS, readCrossings } from './schedule/fault-table.ts';
import { makeSchedule } from './schedule/make-schedule.ts';
import { ChaosPostgres } from './world/chaos-postgres.ts';

const starting = ChaosPostgres.start();
const crossings = crossingFaults(readCrossings());

async function run({ seed, points, only }: RoundOrder): Promise<void> {
  const chosen = crossings.filter(({ name }) => only.length === 0 || only.some((text) => name.includes(text)));
  process.send?.(await runRound(await starting, seed, points, makeSchedule(seed, chosen, OTHER_FAULTS)));
}

process.on('message', (order: RoundOrder) => void run(order));
process.once('disconnect', () => {
  void starting.then((postgres) => postgres.stop()).finally(() => process.exit());
});
