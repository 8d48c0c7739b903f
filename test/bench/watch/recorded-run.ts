import { readFileSync } from 'node:fs';
import type { FakeObject } from '@image-factory/test-support';

export const RUNS_PATH = '/apis/tekton.dev/v1/pipelineruns';
export const SELECTOR = 'image-factory.io/shard in (0)';
export const NAMESPACE = 'builds';

type Condition = 'Unknown' | 'True' | 'False';

const RECORDED = JSON.parse(
  readFileSync(new URL('../../fixtures/tekton/git-revision-not-found/pipelinerun.json', import.meta.url), 'utf8'),
) as FakeObject;

/** A PipelineRun as recorded from a real cluster (spec, status, both pipeline specs), as the n-th build of a shard. */
export function recordedRun(index: number, condition: Condition, revision = 0): FakeObject {
  const object = structuredClone(RECORDED);
  const id = `00000000-0000-7000-8000-${String(index).padStart(12, '0')}`;
  object.metadata = {
    ...object.metadata,
    name: `run-${index}`,
    namespace: NAMESPACE,
    labels: {
      ...object.metadata.labels,
      'image-factory.io/shard': '0',
      'image-factory.io/build': id,
      'image-factory.io/execution': id,
      'image-factory.io/attempt': '1',
    },
  };
  const status = object['status'] as { conditions: Record<string, unknown>[] };
  const message = `Tasks Completed: ${revision}, ü`;
  status.conditions = [
    { type: 'Succeeded', status: condition, reason: condition === 'Unknown' ? 'Running' : 'Done', message },
  ];
  return object;
}
