/** `npm run db:migrate [-- down]`: brings the database to the newest schema, or takes the last migration back. */
import { migrate } from '@image-factory/migrations';
import { startPostgres } from './postgres/postgres-server.ts';
import { lockDataDir } from './start/data-dir-lock.ts';
import { Failure, runMain } from './start/failure.ts';
import { databaseUrlOf } from './start/platform.ts';
import { readSettings } from './start/settings.ts';

async function run(url: string, direction: 'up' | 'down'): Promise<void> {
  const { names } = await migrate({ url, direction });
  const done = direction === 'up' ? 'ran' : 'took back';
  process.stdout.write(names.length === 0 ? 'Nothing to do.\n' : names.map((name) => `${done} ${name}\n`).join(''));
}

async function main(): Promise<number> {
  const [direction = 'up', ...rest] = process.argv.slice(2);
  if ((direction !== 'up' && direction !== 'down') || rest.length > 0) {
    throw new Failure(`Unknown argument ${process.argv.slice(2).join(' ')}.`, 'Use: npm run db:migrate [-- down]');
  }
  const settings = readSettings();
  if (settings.hasOwnDatabase) {
    await run(databaseUrlOf(process.env), direction);
    return 0;
  }
  const unlock = lockDataDir(settings.dataDir);
  try {
    const postgres = await startPostgres(settings.dataDir);
    try {
      await run(postgres.url, direction);
    } finally {
      await postgres.stop();
    }
  } finally {
    unlock();
  }
  return 0;
}

await runMain(main);
