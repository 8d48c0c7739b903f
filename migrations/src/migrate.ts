import { DataSource } from 'typeorm';
import { MIGRATIONS } from './schema-version.js';

/** Session advisory lock that makes migrators wait for each other: "ifmg" in ASCII. */
const MIGRATION_LOCK = 0x69666d67;

export interface MigrateOptions {
  /** PostgreSQL URL. */
  readonly url: string;
  /** `up` runs what is pending, `down` reverts the last one. */
  readonly direction?: 'up' | 'down';
}

export interface MigrateResult {
  /** Names of the migrations that this call ran or reverted, in order. */
  readonly names: readonly string[];
}

/**
 * Brings the schema to its newest version under an advisory lock, so that any number of migrators may start at once:
 * one works, the others wait and find nothing to do. Each migration is its own transaction.
 */
export async function migrate(options: MigrateOptions): Promise<MigrateResult> {
  const dataSource = new DataSource({
    type: 'postgres',
    url: options.url,
    migrations: [...MIGRATIONS],
    migrationsTransactionMode: 'each',
    installExtensions: false,
    applicationName: 'image-factory-migrate',
  });
  await dataSource.initialize();
  const lock = dataSource.createQueryRunner();
  try {
    await lock.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    if (options.direction === 'down') {
      const rows: { name: string }[] = await lock.query('SELECT name FROM migrations ORDER BY id DESC LIMIT 1');
      await dataSource.undoLastMigration();
      return { names: rows.map((row) => row.name) };
    }
    const ran = await dataSource.runMigrations();
    return { names: ran.map((migration) => migration.name) };
  } finally {
    await lock.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]).catch(() => undefined);
    await lock.release();
    await dataSource.destroy();
  }
}
