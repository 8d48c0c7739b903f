import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AttemptCredentials } from '@image-factory/domain';

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));

/** Arguments of node that run the supervisor from its sources, as the tests themselves run. */
export const SUPERVISOR_ARGUMENTS: readonly string[] = [
  '--conditions=source',
  '--import',
  join(REPOSITORY, 'test/support/src/typescript-sources.mjs'),
  join(REPOSITORY, 'libs/local-executor/src/supervisor.ts'),
];

export const NO_CREDENTIALS: AttemptCredentials = { dockerConfigJson: undefined, git: undefined };
