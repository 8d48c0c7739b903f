import { validateSync } from 'class-validator';
import type { CommonVariables } from './common-variables.js';

/** An environment, as `process.env` has it. */
export type EnvSource = Readonly<Record<string, string | undefined>>;

/** One variable that is wrong. The value is never repeated: it may be a secret. */
export interface EnvProblem {
  readonly name: string;
  readonly message: string;
}

/** Settings, or every problem at once. */
export type EnvResult<Env> =
  | { readonly kind: 'valid'; readonly env: Env }
  | { readonly kind: 'invalid'; readonly problems: readonly EnvProblem[] };

/** Takes the variables that a class names from an environment and finds what is wrong with them. Empty is absent. */
export function readVariables<T extends CommonVariables>(
  Variables: new () => T,
  source: EnvSource,
): { readonly variables: T; readonly problems: readonly EnvProblem[] } {
  const variables = new Variables();
  const given = Object.keys(variables).filter((name) => source[name] !== undefined && source[name] !== '');
  Object.assign(variables, Object.fromEntries(given.map((name) => [name, source[name]])));
  const wrong = validateSync(variables).flatMap((error) =>
    Object.values(error.constraints ?? {}).map((message) => ({ name: error.property, message })),
  );
  return { variables, problems: [...wrong, ...databaseProblems(variables)] };
}

function databaseProblems({ IF_DATABASE_URL: url, IF_DATABASE_HOST: host }: CommonVariables): EnvProblem[] {
  if (url === undefined && host === undefined) {
    return [
      { name: 'IF_DATABASE_URL', message: 'must be set (or IF_DATABASE_HOST and the other IF_DATABASE_* parts)' },
    ];
  }
  return url !== undefined && host !== undefined
    ? [{ name: 'IF_DATABASE_HOST', message: 'must not be set beside IF_DATABASE_URL' }]
    : [];
}
