import { readEnv as readApiEnv } from '@image-factory/api/env';
import { readEnv as readDispatcherEnv } from '@image-factory/dispatcher/env';
import { Failure } from './failure.ts';

/** Stands for the database that the command starts by itself, after the check. */
const LATER = 'postgresql://127.0.0.1/later';

/**
 * Reads the environment as both processes will, before anything is started.
 * @throws Failure with every wrong variable of either
 */
export function checkEnvironment(environment: NodeJS.ProcessEnv): void {
  const isGiven = environment['IF_DATABASE_URL'] || environment['IF_DATABASE_HOST'];
  const source = isGiven ? environment : { ...environment, IF_DATABASE_URL: LATER };
  const lines = [readApiEnv(source), readDispatcherEnv(source)].flatMap((result) =>
    result.kind === 'valid' ? [] : result.problems.map(({ name, message }) => `  ${name} ${message}`),
  );
  if (lines.length === 0) return;
  throw new Failure(
    `The environment is wrong:\n${[...new Set(lines)].join('\n')}`,
    'Every variable is described in .env.example.',
  );
}
