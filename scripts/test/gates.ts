import type { Gate } from './gate.ts';

const TURBO = ['--ui=stream', '--output-logs=errors-only', '--log-prefix=task', '--no-update-notifier'] as const;

/** Every package compiles: the processes of the end-to-end tests run what this makes. */
export const BUILD: Gate = {
  name: 'build',
  advice: 'correct what the compiler says',
  commands: [['turbo', 'run', 'build', ...TURBO]],
};

export const TYPES: Gate = {
  name: 'types, with tests and scripts',
  advice: 'correct what the compiler says',
  commands: [
    ['turbo', 'run', 'typecheck', ...TURBO],
    ['tsc', '-p', 'scripts/tsconfig.json'],
    ['tsc', '-p', 'test/cluster/tsconfig.json'],
  ],
};

// Without a cache in CI: a cached verdict about one file does not know that a type in another has changed.
const LINT_CACHE = process.env['CI']
  ? []
  : ['--cache', '--cache-strategy', 'content', '--cache-location', 'node_modules/.cache/eslint/'];

/** In two runs: the types of everything at once need more than the 4 GiB that Node takes by itself. */
const LINTED = [
  ['apps', 'libs', 'migrations'],
  ['scripts', 'test'],
];

export const LINT: Gate = {
  name: 'lint',
  advice: 'npm run lint shows it again; the rules and their reasons are in eslint.config.mjs',
  commands: LINTED.map((folders) => ['eslint', '--max-warnings=0', '--concurrency=auto', ...LINT_CACHE, ...folders]),
};

export const ARROWS: Gate = {
  name: 'arrows',
  advice: 'an import goes against the arrows of ARCHITECTURE.md (.dependency-cruiser.cjs)',
  commands: [['depcruise', '--config', '.dependency-cruiser.cjs', 'apps', 'libs', 'migrations']],
};

export const FORMAT: Gate = {
  name: 'format',
  advice: 'run npm run format',
  commands: [['prettier', '--check', '--cache', '--log-level=warn', '.']],
};
