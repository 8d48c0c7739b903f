import { randomUUID } from 'node:crypto';
import type { RenderContext } from '@image-factory/domain';
import { eventually, FakeBuildExecutor, FakeCluster, USUAL_RESOURCES } from '@image-factory/test-support';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  buildExecutorContract,
  type BuildExecutorHarness,
  type ContractIds,
  type ContractScript,
} from '../support/src/contracts/build-executor-contract.js';

/** The fake under the same contract as the real executors, so that tests on it prove something about them. */
function makeHarness(): Promise<BuildExecutorHarness> {
  const cluster = new FakeCluster();
  const harness: BuildExecutorHarness = {
    executor: new FakeBuildExecutor(cluster),
    providerId: randomUUID(),
    tenantId: randomUUID(),
    installationId: randomUUID(),
    credentials: { dockerConfigJson: undefined, git: undefined },
    contextFor: (script, ids) => Promise.resolve(contextFor(cluster, script, ids)),
    restarted: () => Promise.resolve(new FakeBuildExecutor(cluster)),
    close: () => Promise.resolve(),
  };
  return Promise.resolve(harness);
}

function contextFor(cluster: FakeCluster, script: ContractScript, ids: ContractIds): RenderContext {
  cluster.scripts.set(ids.buildId, {
    steps: [{ task: 'build', step: 'build', lines: script.lines }],
    exitCode: script.ending === 'fails' ? 3 : 0,
    pace: script.ending === 'hangs' ? 'held' : 'auto',
  });
  if (script.ending === 'hangs') {
    cluster.watch((run) => {
      if (run.buildId !== ids.buildId || run.phase !== 'pending') return;
      cluster.startRun(run);
      cluster.print(run, 0, ...script.lines);
    });
  }
  return {
    ...ids,
    buildMethod: 'kaniko',
    gitRepositoryUrl: 'https://git.example/web.git',
    gitRevision: 'main',
    imageRepository: 'registry.example/team/app',
    config: {},
    pipelineTimeoutSeconds: 600,
    storageClass: undefined,
    workspaceSize: '1Gi',
    avoidedNodes: [],
    insecureRegistry: false,
    resources: USUAL_RESOURCES,
    hasGitCredential: false,
    traceparent: undefined,
  };
}

buildExecutorContract({ describe, it, expect, beforeEach, afterEach }, 'FakeBuildExecutor', makeHarness);

describe('the fake’s faults', () => {
  it('lose the answer of a create that has taken effect', async () => {
    const cluster = new FakeCluster();
    cluster.failCreates('unknown-committed');
    expect(cluster.takeCreateFault()).toBe('unknown-committed');
    expect(cluster.takeCreateFault()).toBeUndefined();
    await eventually('nothing is made by a fault alone', () => cluster.runs.size === 0);
  });
});
