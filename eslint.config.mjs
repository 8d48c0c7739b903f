// Rules that style.md asks for and a tool can check. Types are known to the linter: it reads each package's tsconfig and,
// for other packages, their built declarations, so run `npm run build` before it.
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

const TESTS = ['**/*.spec.ts', '**/*.test.ts', 'test/**/*.ts'];
const PRODUCTION = ['libs/*/src/**/*.ts', 'apps/*/src/**/*.ts', 'migrations/src/**/*.ts'];

const noDefaultExport = {
  selector: 'ExportDefaultDeclaration',
  message: 'Export by name: a default export has a name of its own in every file that imports it.',
};
const noExportAll = { selector: 'ExportAllDeclaration', message: 'Name what a package exports, one by one.' };
const noModuleMock = {
  selector: "CallExpression[callee.object.name='vi'][callee.property.name=/^(mock|doMock|unmock|hoisted)$/]",
  message: 'No module mocking: pass a fake that implements the port (style.md, Tests).',
};
const noEnvironment = {
  selector: "MemberExpression[object.name='process'][property.name='env']",
  message: "Only an app's config/env.ts reads the environment; take what you need as an option.",
};
const noWallClock = [
  {
    selector: "CallExpression[callee.object.name='Date'][callee.property.name='now']",
    message: 'Take a Clock: a rule that reads the machine’s time cannot be tested.',
  },
  {
    selector: "NewExpression[callee.name='Date'][arguments.length=0]",
    message: 'Take a Clock: a rule that reads the machine’s time cannot be tested.',
  },
];
const everywhere = [noDefaultExport, noExportAll, noModuleMock];

export default tseslint.config(
  {
    ignores: [
      '**/dist/**',
      '**/node_modules/**',
      '.toolchain/**',
      '.image-factory/**',
      '.turbo/**',
      'coverage/**',
      'test/fixtures/**',
      '**/*.cjs',
      '**/*.mjs',
      'vitest.config.ts',
    ],
  },
  {
    files: ['**/*.ts'],
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { '@typescript-eslint': tseslint.plugin },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-constant-binary-expression': 'error',
      'no-self-compare': 'error',
      'no-unsafe-finally': 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      'no-restricted-syntax': ['error', ...everywhere],
      'max-lines': ['error', { max: 400 }],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/ban-ts-comment': 'error',
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false },
      ],
      '@typescript-eslint/max-params': ['error', { max: 6 }],
      '@typescript-eslint/no-empty-object-type': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-for-in-array': 'error',
      '@typescript-eslint/no-implied-eval': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-unnecessary-type-assertion': 'error',
      '@typescript-eslint/no-unsafe-function-type': 'error',
      '@typescript-eslint/only-throw-error': ['error', { allowThrowingUnknown: true }],
      '@typescript-eslint/prefer-promise-reject-errors': ['error', { allowThrowingUnknown: true }],
      '@typescript-eslint/restrict-plus-operands': 'error',
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, allowDefaultCaseForExhaustiveSwitch: true },
      ],
      '@typescript-eslint/unified-signatures': 'error',
    },
  },
  {
    files: PRODUCTION,
    ignores: TESTS,
    rules: {
      'no-console': 'error',
      'max-lines-per-function': ['error', { max: 60 }],
      'no-restricted-syntax': ['error', ...everywhere, noEnvironment, ...noWallClock],
    },
  },
  {
    // A migration is one statement list; its length is the schema's.
    files: ['migrations/src/**/*.ts'],
    rules: { 'max-lines-per-function': 'off' },
  },
  {
    files: ['libs/telemetry/src/clock/*.ts', 'libs/telemetry/src/log/winston-logger.ts'],
    rules: { 'no-restricted-syntax': ['error', ...everywhere, noEnvironment] },
  },
  {
    files: ['apps/*/src/config/env.ts'],
    rules: { 'no-restricted-syntax': ['error', ...everywhere, ...noWallClock] },
  },
  {
    files: ['libs/*/src/**/*.ts'],
    ignores: TESTS,
    rules: { '@typescript-eslint/explicit-module-boundary-types': 'error' },
  },
  {
    files: TESTS,
    rules: { '@typescript-eslint/no-floating-promises': ['error', { allowForKnownSafeCalls: [] }] },
  },
  {
    // Vitest asks a configuration and a global set-up for a default export or a named `setup`.
    files: ['**/global-setup.ts'],
    rules: { 'no-restricted-syntax': ['error', noExportAll, noModuleMock] },
  },
  { files: ['**/*.ts'], rules: { ...prettier.rules, 'max-lines': ['error', { max: 400 }] } },
);
