import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildExecutorContract, type BuildExecutorHarness } from '@image-factory/test-support';
import { fakeTektonWorld, NO_CREDENTIALS } from './tekton-world.ts';

async function harness(): Promise<BuildExecutorHarness> {
  const { world, tekton } = await fakeTektonWorld();
  return {
    executor: world.executor,
    providerId: world.providerId,
    tenantId: world.tenantId,
    installationId: world.installationId,
    credentials: NO_CREDENTIALS,
    contextFor: (script, ids) => {
      tekton.scripts.set(ids.buildId, { build: { lines: script.lines, ending: script.ending } });
      return Promise.resolve(world.context(ids));
    },
    restarted: () => Promise.resolve(world.anotherExecutor()),
    close: () => world.close(),
  };
}

buildExecutorContract({ describe, it, expect, beforeEach, afterEach }, 'TektonBuildExecutor', harness);
