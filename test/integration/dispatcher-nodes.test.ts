import type { RenderContext } from '@image-factory/domain';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DispatcherHarness } from './dispatcher-harness.js';

let harness: DispatcherHarness;
beforeEach(async () => {
  harness = await DispatcherHarness.open();
});
afterEach(() => harness.close());

async function rendered(buildId: string): Promise<Pick<RenderContext, 'avoidedNodes'>[]> {
  const rows = await harness.database.query<{ document: string }>(
    `SELECT document FROM build_executions WHERE build_id = $1 AND state <> 'released' ORDER BY attempt`,
    [buildId],
  );
  return rows.map((row) => JSON.parse(row.document) as RenderContext);
}

/** Each attempt's pod was on a node of its own; the first ones fail. */
function failOnNodes(reasons: readonly ('PodEvicted' | 'RegistryUnavailable' | 'StepFailed')[]): void {
  for (const cluster of harness.clusters.values()) {
    cluster.scriptRun = (run) => {
      const reason = reasons[run.attempt - 1];
      if (reason === undefined) return undefined;
      return { exitCode: 1, failure: { reason, fault: 'cluster', nodeName: `node-${run.attempt}` } };
    };
  }
}

describe('after a disruption on the one provider that is left, the next run', () => {
  it('prefers other nodes than those of the attempts that were disrupted', async () => {
    failOnNodes(['PodEvicted', 'PodEvicted']);
    await harness.start();
    const buildId = await harness.submit();
    await harness.reaches(buildId, 'completed');
    expect((await rendered(buildId)).map((run) => run.avoidedNodes)).toEqual([[], ['node-1'], ['node-2', 'node-1']]);
    const nodes = await harness.database.query('SELECT node_name FROM build_executions ORDER BY attempt');
    expect(nodes).toEqual([{ node_name: 'node-1' }, { node_name: 'node-2' }, { node_name: null }]);
  });

  it('keeps away from no node after a registry’s trouble, which no node has caused', async () => {
    failOnNodes(['RegistryUnavailable']);
    await harness.start();
    const buildId = await harness.submit();
    await harness.reaches(buildId, 'completed');
    expect((await rendered(buildId)).map((run) => run.avoidedNodes)).toEqual([[], []]);
  });
});

describe('after a disruption with another provider', () => {
  it('names no node there: they are of another cluster', async () => {
    await harness.addProvider('cluster-2');
    failOnNodes(['PodEvicted']);
    await harness.start();
    const buildId = await harness.submit();
    await harness.reaches(buildId, 'completed');
    expect((await rendered(buildId)).map((run) => run.avoidedNodes)).toEqual([[], []]);
  });
});
