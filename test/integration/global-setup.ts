import { startTestDatabaseServer } from '../support/src/test-database.js';

/**
 * One PostgreSQL with a migrated template for all files; each file clones it. The import is relative because a global
 * setup does not resolve packages to their sources.
 */
export async function setup(): Promise<() => Promise<void>> {
  const server = await startTestDatabaseServer();
  return () => server.stop();
}
