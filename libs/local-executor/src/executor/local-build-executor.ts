import {
  BuildExecutor,
  type ExecutionFollower,
  type FollowerOptions,
  type Place,
  type PrepareRequest,
  type RenderContext,
  type RenderedDocument,
} from '@image-factory/domain';
import { renderLocalRun } from '../document/render-local-run.js';
import { LocalExecutionFollower } from '../follower/local-execution-follower.js';
import { LocalHost } from '../follower/local-host.js';
import { ensureWorkspace, resolveLocalExecutorOptions, type LocalExecutorOptions } from './local-executor-options.js';

/**
 * The executor port on the dispatcher's own host. It runs what tenants write, on this host, with this process's user: grant
 * `local` providers accordingly.
 */
export class LocalBuildExecutor extends BuildExecutor {
  override readonly infrastructureType = 'local';
  readonly #host: LocalHost;

  /** @throws DomainError InvalidInput when the options make no sense */
  constructor(options: LocalExecutorOptions) {
    super();
    this.#host = new LocalHost(resolveLocalExecutorOptions(options));
  }

  override async prepare(_request: PrepareRequest, signal: AbortSignal): Promise<Place> {
    signal.throwIfAborted();
    const { workspaceDir, hostId, hostName } = this.#host.settings;
    await ensureWorkspace(workspaceDir);
    return { clusterUid: hostId, namespace: hostName, namespaceUid: hostId };
  }

  override render(context: RenderContext, place: Place): RenderedDocument {
    return renderLocalRun(context, place);
  }

  override openFollower(options: FollowerOptions): ExecutionFollower {
    return new LocalExecutionFollower(this.#host, options);
  }
}
