import { defineConfig } from 'vitest/config';

/**
 * Tests run on the TypeScript sources: the `source` export condition points every workspace package at its `src`.
 * Decorator flags stand here because the transformer only reads the tsconfig that includes a file.
 */
export default defineConfig({
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  resolve: { conditions: ['source', 'node', 'default'] },
  ssr: { resolve: { conditions: ['source', 'node', 'default'], externalConditions: ['node', 'default'] } },
  test: {
    pool: 'forks',
    // Much of what integration tests do is to wait: on two cores they took 11.6 minutes two at a time, 9.2 three at a time.
    maxWorkers: 3,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [
            'libs/*/src/**/*.spec.ts',
            'apps/*/src/**/*.spec.ts',
            'migrations/src/**/*.spec.ts',
            'scripts/**/*.spec.ts',
            'test/support/src/**/*.spec.ts',
            'test/bench/**/*.spec.ts',
            'test/chaos/**/*.spec.ts',
          ],
          // Nothing here is slow, but a process that loads its modules from a cold disk beside another may take seconds.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: ['test/integration/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.e2e.test.ts'],
          globalSetup: ['test/e2e/global-setup.ts'],
          testTimeout: 240_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
