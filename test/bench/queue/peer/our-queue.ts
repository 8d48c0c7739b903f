import { loopRate } from '../../measure/closed-loop.ts';
import type { BuildWorld } from '../build-world.ts';
import type { DrainRequest, QueueContender } from './queue-contender.ts';

export interface OurQueueOptions {
  readonly name: string;
  readonly tenants: readonly string[];
  readonly batch: number;
  readonly loops: number;
  /**
   * `no`: claims only. `at-once`: each claimed build is ended by the shortest way that the product has (a build that
   * itself is wrong fails before it is placed). `placed`: it is placed on a provider and its attempt is finished.
   */
  readonly ends: 'no' | 'at-once' | 'placed';
}

/**
 * The product's queue: PostgresBuildQueue.claim in batches, and an end that is asked for each build by itself, of all at
 * once. What is asked at once shares transactions, as in a dispatcher that follows as many.
 */
export async function ourQueue(world: BuildWorld, options: OurQueueOptions): Promise<QueueContender> {
  const dispatcherId = await world.dispatcher();
  const fence = await world.shard(dispatcherId);
  const end = async (claimed: Awaited<ReturnType<typeof world.queue.claim>>['claimed'][number]): Promise<void> => {
    const { executionId } = claimed;
    if (options.ends === 'at-once') {
      await world.queue.failPlacing({
        executionId,
        dispatcherId,
        reason: 'BuildConfigInvalid',
        message: 'ended by the benchmark',
      });
      return;
    }
    const placed = await world.queue.place(world.placement(claimed, dispatcherId, fence.providerId));
    if (placed.kind !== 'placed') throw new Error(placed.kind);
    const finish = { state: 'lost', reason: 'ClusterLost', message: 'ended by the benchmark', retry: false } as const;
    const finished = await world.executions.finish(fence, executionId, finish);
    if (finished !== 'done') throw new Error(finished);
  };
  const take = async (): Promise<number> => {
    const { claimed } = await world.queue.claim({ dispatcherId, limit: options.batch });
    if (options.ends !== 'no') await Promise.all(claimed.map(end));
    return claimed.length;
  };
  return {
    name: options.name,
    topUp: (backlog) => world.topUp(options.tenants, backlog),
    drain: (request: DrainRequest) =>
      loopRate({ loops: options.loops, items: request.jobs, limitMs: request.limitMs }, take),
    close: () => Promise.resolve(),
  };
}
