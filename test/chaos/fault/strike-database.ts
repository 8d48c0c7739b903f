import { setTimeout as delay } from 'node:timers/promises';
import type { DoneFault } from './fault.ts';
import { cancelStatements } from './provocations.ts';

const CANCELS = 30;
const CANCEL_EVERY_MS = 20;

const killPostgres: DoneFault = {
  name: 'PostgreSQL killed and restarted',
  scope: 'world',
  async strike(world, _place, random) {
    await delay(random.integer(0, 300));
    await world.postgres.killAndRestart();
    return true;
  },
};

const cutConnections: DoneFault = {
  name: 'all database connections cut',
  scope: 'world',
  async strike(world) {
    const cut = await world.database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE 'image-factory-dispatcher%'`,
    );
    return cut.length > 0;
  },
};

/** In the middle of transactions, which are rolled back then. */
const cancelled: DoneFault = {
  name: 'statements cancelled',
  scope: 'place',
  async strike(world) {
    let count = 0;
    for (let times = 0; times < CANCELS; times += 1) {
      count += await cancelStatements(world);
      await delay(CANCEL_EVERY_MS);
    }
    return count > 0;
  },
};

export const DATABASE_FAULTS: readonly DoneFault[] = [killPostgres, cutConnections, cancelled];
