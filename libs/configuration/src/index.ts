export {
  absolutePath,
  choice,
  directories,
  flag,
  integer,
  listOf,
  readableFile,
  splitList,
  text,
  url,
} from './checks.js';
export { commonEnv, dispatcherClocks, secretOf } from './common-env.js';
export type { CommonEnv, DispatcherClocks } from './common-env.js';
export { CommonVariables } from './common-variables.js';
export { keptSecret } from './kept-secret.js';
export { readVariables } from './read-variables.js';
export type { EnvProblem, EnvResult, EnvSource } from './read-variables.js';
export { Variable } from './variable.js';
export type { Check } from './variable.js';
