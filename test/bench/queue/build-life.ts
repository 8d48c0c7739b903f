import {
  PostgresBuildSubmissions,
  type ClaimedExecution,
  type Fenced,
  type NewBuild,
  type ShardLease,
} from '@image-factory/persistence';
import { newBuild } from '@image-factory/test-support';
import type { BuildWorld } from './build-world.ts';

/** A submission that makes no image, so that nothing has to be promoted. */
export function imagelessBuild(tenantId: string, projectId: string): NewBuild {
  return newBuild(tenantId, projectId, { imageRepository: undefined });
}

/** Tenants with their projects, and what submits to them. */
export async function submitter(world: BuildWorld, tenants: number): Promise<(index: number) => Promise<string>> {
  const ids = await world.tenants(tenants, { maxRunning: 1_000_000 });
  const projects = await world.rows<{ tenant_id: string; id: string }>(
    'SELECT tenant_id, id FROM projects WHERE tenant_id = ANY ($1::uuid[])',
    [ids],
  );
  const submissions = new PostgresBuildSubmissions(world.queue);
  return async (index) => {
    const project = projects[index % projects.length];
    if (project === undefined) throw new Error('no project');
    const build = imagelessBuild(project.tenant_id, project.id);
    return (await world.database.transaction((tx) => submissions.insert(tx, build))).id;
  };
}

/** Everything that the owner writes about a build that succeeds, from its placement on. */
export async function liveAndSucceed(
  world: BuildWorld,
  claimed: ClaimedExecution,
  dispatcherId: string,
  fence: ShardLease,
): Promise<void> {
  const { executionId } = claimed;
  const placed = await world.queue.place(world.placement(claimed, dispatcherId, fence.providerId));
  if (placed.kind !== 'placed') throw new Error(placed.kind);
  const at = new Date();
  done(await world.executions.markStarting(fence, executionId, { uid: `uid-${executionId}` }));
  done(await world.executions.markRunning(fence, executionId, { firstStepStartedAt: at }));
  done(
    await world.executions.fixOutcome(fence, executionId, {
      outcome: 'succeeded',
      reason: 'Succeeded',
      message: 'Tasks Completed: 2',
      fault: 'platform',
      imageDigest: undefined,
      results: {},
      finalDocument: '{}',
      runSeconds: 1,
      startSeconds: 1,
      firstStepStartedAt: at,
      endedAt: at,
    }),
  );
  done(await world.executions.markPodsOver(fence, executionId));
  done(await world.executions.markCredentialsRemoved(fence, executionId));
  done(await world.executions.markSealed(fence, executionId, {}));
  const finish = { state: 'succeeded', reason: 'Succeeded', message: 'done', retry: false } as const;
  done(await world.executions.finish(fence, executionId, finish));
  done(await world.executions.markSwept(fence, executionId));
}

function done(fenced: Fenced): void {
  if (fenced !== 'done') throw new Error(fenced);
}
