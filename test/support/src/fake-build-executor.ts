import { createHash } from 'node:crypto';
import {
  BuildExecutor,
  DomainError,
  invalidInput,
  pipelineRunName,
  type ExecutionFollower,
  type FollowerOptions,
  type InfrastructureType,
  type Place,
  type PrepareRequest,
  type RenderContext,
  type RenderedDocument,
} from '@image-factory/domain';
import { FakeCluster } from './fake-cluster.js';
import { FakeExecutionFollower } from './fake-execution-follower.js';

/** A Dockerfile path that `render` refuses, to play a user's error found while rendering. */
export const UNRENDERABLE_PATH = 'refuse-this-path';

/**
 * The executor port in memory. Its attempts live in a {@link FakeCluster}, which several executors may share and
 * which outlives them; scripts and faults are set there.
 */
export class FakeBuildExecutor extends BuildExecutor {
  constructor(
    readonly cluster: FakeCluster = new FakeCluster(),
    override readonly infrastructureType: InfrastructureType = 'kubernetes',
  ) {
    super();
  }

  override async prepare(request: PrepareRequest, signal: AbortSignal): Promise<Place> {
    await Promise.race([
      this.cluster.beforePrepare(request.providerId),
      new Promise<never>((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
      ),
    ]);
    if (!this.cluster.reachable) {
      throw new DomainError({
        kind: 'Unavailable',
        reason: 'ClusterUnreachable',
        message: 'The fake cluster is unreachable.',
        fault: 'cluster',
        retryable: true,
      });
    }
    const namespace = `image-factory-${request.tenantId.slice(0, 8)}`;
    return { clusterUid: this.cluster.clusterUid, namespace, namespaceUid: `uid-of-${namespace}` };
  }

  override render(context: RenderContext, place: Place): RenderedDocument {
    if (context.config.dockerfile_path === UNRENDERABLE_PATH) {
      throw invalidInput('BuildConfigInvalid', 'build_config.dockerfile_path is refused by the fake executor');
    }
    const name = pipelineRunName(context);
    const document = JSON.stringify({ name, namespace: place.namespace, ...context });
    return { document, hash: createHash('sha256').update(document).digest('hex'), name };
  }

  override openFollower(options: FollowerOptions): ExecutionFollower {
    return new FakeExecutionFollower(this.cluster, options);
  }
}
