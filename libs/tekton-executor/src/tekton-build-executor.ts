import { BuildExecutor } from '@image-factory/domain';
import type {
  Clock,
  ExecutionFollower,
  FollowerOptions,
  MayWrite,
  Place,
  PrepareRequest,
  ProviderRepository,
  RenderContext,
  RenderedDocument,
  TenantNamespaceRepository,
} from '@image-factory/domain';
import type { ClusterConnectionProvider } from '@image-factory/cluster-connectors';
import type { Logger } from '@image-factory/telemetry';
import { TektonFollower } from './follow/tekton-follower.js';
import { buildPipelineRun } from './pipeline-run/build-pipeline-run.js';
import type { InstallationNonce } from './place/check-installation.js';
import { InstallationGuard } from './place/installation-guard.js';
import { PlaceKeeper } from './place/place-keeper.js';

export interface TektonBuildExecutorOptions {
  readonly connections: ClusterConnectionProvider;
  readonly providers: ProviderRepository;
  readonly namespaces: TenantNamespaceRepository;
  readonly installationId: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Nonce of a provider as the database has it (rule 1); without it the cluster's record is neither kept nor checked. */
  readonly nonceOf?: (providerId: string) => Promise<InstallationNonce | undefined>;
  /** Rolls that nonce when it is still `current` and its last roll is long ago; undefined: it did not. */
  readonly rollNonce?: (providerId: string, current: string) => Promise<InstallationNonce | undefined>;
  /** Directory of the five Tasks' YAML; default `deploy/tekton/tasks` of this repository. */
  readonly tasksDirectory?: string;
}

/** Runs builds as Tekton PipelineRuns on clusters. */
export class TektonBuildExecutor extends BuildExecutor {
  readonly infrastructureType = 'kubernetes';
  readonly #options: TektonBuildExecutorOptions;
  readonly #guard: InstallationGuard;
  readonly #places: PlaceKeeper;

  constructor(options: TektonBuildExecutorOptions) {
    super();
    this.#options = options;
    const { connections, providers, namespaces, installationId, tasksDirectory, clock, logger } = options;
    const { nonceOf, rollNonce } = options;
    this.#guard = new InstallationGuard({ installationId, nonceOf, rollNonce, clock, logger });
    this.#places = new PlaceKeeper({
      connections,
      providers,
      namespaces,
      installationId,
      guard: this.#guard,
      tasksDirectory,
      clock,
      logger,
    });
  }

  override prepare(request: PrepareRequest, signal: AbortSignal, mayWrite: MayWrite): Promise<Place> {
    return this.#places.ensure(request, signal, mayWrite);
  }

  override render(context: RenderContext, place: Place): RenderedDocument {
    return buildPipelineRun(context, place);
  }

  override openFollower(options: FollowerOptions): ExecutionFollower {
    const { connections, clock, logger } = this.#options;
    return new TektonFollower({
      ...options,
      connections,
      guard: this.#guard,
      clock,
      logger,
      onPlaceBroken: (request) => this.#distrust(request),
    });
  }

  #distrust({ providerId, tenantId }: PrepareRequest): void {
    this.#places.distrust({ providerId, tenantId }).catch((error: unknown) => {
      this.#options.logger.warn('A broken tenant namespace could not be marked.', {
        provider: providerId,
        tenant: tenantId,
        error,
      });
    });
  }
}
