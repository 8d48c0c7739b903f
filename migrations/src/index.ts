export { migrate } from './migrate.js';
export type { MigrateOptions, MigrateResult } from './migrate.js';
export { MIGRATIONS, SCHEMA_VERSION } from './schema-version.js';
export { dumpSchema } from './dump-schema.js';
