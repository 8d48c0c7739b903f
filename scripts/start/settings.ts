import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** What the commands need of the environment; the processes read the rest of it themselves. */
export interface Settings {
  /** Absolute; created, readable by its owner only. */
  readonly dataDir: string;
  /** True when the user's own database is named; else one is kept in the data directory. */
  readonly hasOwnDatabase: boolean;
  /** Set only when the user chose one. */
  readonly serverPort: number | undefined;
  readonly serverHost: string;
}

/** Reads `.env` of the checkout, when there is one, and then the environment, which wins. */
export function readSettings(environment: NodeJS.ProcessEnv = process.env): Settings {
  const file = join(ROOT, '.env');
  if (environment === process.env && existsSync(file)) process.loadEnvFile(file);
  const dataDir = resolve(ROOT, environment['IF_DATA_DIR'] || '.image-factory');
  mkdirSync(dataDir, { recursive: true });
  return {
    dataDir,
    hasOwnDatabase: Boolean(environment['IF_DATABASE_URL'] || environment['IF_DATABASE_HOST']),
    serverPort: environment['IF_SERVER_PORT'] ? Number(environment['IF_SERVER_PORT']) : undefined,
    serverHost: environment['IF_SERVER_HOST'] || '127.0.0.1',
  };
}

/** A directory below the data directory that only its owner may read. */
export function privateDir(settings: Settings, name: string): string {
  const directory = join(settings.dataDir, name);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  return directory;
}
