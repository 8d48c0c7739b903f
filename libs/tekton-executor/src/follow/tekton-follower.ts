import { DomainError, ExecutionFollower, isDomainError, isLeaseLost } from '@image-factory/domain';
import type {
  Attempt,
  AttemptCredentials,
  AttemptObservation,
  Clock,
  CreateOutcome,
  FollowerOptions,
  FoundCredentials,
  FoundRun,
  LogSink,
  MayWrite,
  PrepareRequest,
  Reason,
  RemovalCause,
  StopIntent,
} from '@image-factory/domain';
import type { ClusterConnection, ClusterConnectionProvider, RequestClass } from '@image-factory/cluster-connectors';
import type { Logger } from '@image-factory/telemetry';
import { createAttempt, createFailure, nothingSent } from '../attempt/create-attempt.js';
import { removePods, removeRun, removeSecret, stopRun } from '../attempt/end-attempt.js';
import { KUBE_PATHS } from '../attempt/kube-paths.js';
import { listCredentials, listObjects } from '../attempt/list-objects.js';
import { followAttemptLogs } from '../log/attempt-log-follower.js';
import { LogTails } from '../log/log-tails.js';
import { clusterUidOf, readClusterUid } from '../place/cluster-uid.js';
import type { InstallationGuard } from '../place/installation-guard.js';
import { isEnded } from '../status/attempt-view.js';
import { isOver, OverduePods } from '../status/pods-over.js';
import { AttemptObserver, sameCluster } from './attempt-observer.js';
import { AttemptViews } from './attempt-views.js';
import { shardSelector, type ClusterWatches } from './cluster-watches.js';
import { EndedReads } from './ended-reads.js';
import { readPods } from './read-attempt.js';
import type { PodView } from './run-views.js';
import { WatchKeeper } from './watch-keeper.js';

export interface TektonFollowerOptions extends FollowerOptions {
  readonly connections: ClusterConnectionProvider;
  readonly guard: InstallationGuard;
  readonly onPlaceBroken: (request: PrepareRequest) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

const REMOVAL_CLASS = { ending: 'stop', sweep: 'sweep' } as const satisfies Record<RemovalCause, RequestClass>;

/** Refusals of a create that mean that the namespace it was prepared for is not there any more. */
const NAMESPACE_GONE: ReadonlySet<Reason> = new Set(['ObjectNotFound', 'NamespaceTerminating']);

/**
 * Follows the attempts of the shards held on one cluster: three watches for all of them (see WatchKeeper for its modes),
 * slim views of what they tell, and the attempts' own writes. Nothing is kept that a restart would need: everything is
 * found again on the cluster.
 *
 * Failures: a watch that breaks resumes by itself and shows in `watchAgeMs`; a cluster that cannot be reached makes
 * `observe` say so; every write throws a DomainError that says whether it may have been applied.
 */
export class TektonFollower extends ExecutionFollower {
  readonly #options: TektonFollowerOptions;
  readonly #views: AttemptViews;
  readonly #tails = new LogTails();
  readonly #endedReads = new EndedReads();
  readonly #overdue: OverduePods;
  readonly #keeper: WatchKeeper;
  readonly #observer: AttemptObserver;

  constructor(options: TektonFollowerOptions) {
    super();
    const { connections, providerId, installationId, watchStaleMs, onChange, clock, logger } = options;
    this.#options = options;
    this.#overdue = new OverduePods(() => clock.monotonicMs());
    this.#views = new AttemptViews(
      onChange,
      () => clock.monotonicMs(),
      (executionId) => {
        this.#forget(executionId);
        this.#overdue.forget(executionId);
      },
    );
    this.#keeper = new WatchKeeper({
      connections,
      providerId,
      installationId,
      watchStaleMs,
      views: this.#views,
      clock,
      logger,
    });
    this.#observer = new AttemptObserver({
      keeper: this.#keeper,
      views: this.#views,
      tails: this.#tails,
      overdue: this.#overdue,
      endedReads: this.#endedReads,
      onPlaceBroken: options.onPlaceBroken,
      clock,
      logger,
    });
    this.#keeper.setShards(options.shards);
  }

  override setShards(shards: readonly number[]): void {
    this.#keeper.setShards(shards);
  }

  override ready(signal: AbortSignal): Promise<void> {
    return this.#keeper.ready(signal);
  }

  override watchAgeMs(): number {
    return this.#keeper.ageMs();
  }

  override async create(attempt: Attempt, credentials: AttemptCredentials, mayWrite: MayWrite): Promise<CreateOutcome> {
    const { logger } = this.#options;
    let connection;
    try {
      connection = this.#keeper.connection();
      await sameCluster(connection, attempt, 'create');
      await this.#options.guard.ensureKnown(attempt.providerId, connection, {
        requestClass: 'create',
        mayWrite: this.#options.mayWrite,
      });
    } catch (error) {
      // No verdict about the attempt: it stays as it is until an operator has reconciled the two databases.
      if (isDomainError(error) && error.reason === 'ForeignInstallation') throw error;
      if (isLeaseLost(error)) return { kind: 'notAllowed' };
      // Whatever this failure says, nothing of the attempt was sent.
      return nothingSent(createFailure(error, 'PipelineRun'));
    }
    const outcome = await createAttempt({ connection, attempt, credentials, mayWrite, logger });
    if (outcome.kind === 'refused' && NAMESPACE_GONE.has(outcome.reason)) this.#options.onPlaceBroken(attempt);
    return outcome;
  }

  override observe(attempt: Attempt): Promise<AttemptObservation> {
    return this.#observer.observe(attempt);
  }

  override async followLogs(attempt: Attempt, sink: LogSink, signal: AbortSignal): Promise<void> {
    await this.#keeper.ready(signal);
    await followAttemptLogs({
      attempt,
      sink,
      signal,
      connection: () => this.#keeper.connection(),
      views: this.#views,
      tails: this.#tails,
      overdue: this.#overdue,
      endedReads: this.#endedReads,
      clock: this.#options.clock,
    });
  }

  override async stop(attempt: Attempt, intent: StopIntent, mayWrite: MayWrite): Promise<void> {
    this.#options.logger.info('The PipelineRun is asked to stop.', {
      execution: attempt.executionId,
      run: attempt.name,
      intent,
    });
    const connection = await this.#writable('stop');
    const stopped = await stopRun(connection, attempt, mayWrite);
    // Nobody else ends the pods of a run that is not there any more.
    if (stopped === 'gone') {
      await removePods(connection, await this.#podsThere(connection, attempt), { requestClass: 'stop', mayWrite });
    }
  }

  override async removeCredentials(attempt: Attempt, mayWrite: MayWrite, why: RemovalCause = 'ending'): Promise<void> {
    const requestClass = REMOVAL_CLASS[why];
    // That another cluster has no such Secret says nothing of ours.
    await sameCluster(this.#keeper.connection(), attempt, requestClass);
    await removeSecret(await this.#writable(requestClass), attempt, { requestClass, mayWrite });
  }

  override async remove(attempt: Attempt, mayWrite: MayWrite, why: RemovalCause = 'ending'): Promise<void> {
    const requestClass = REMOVAL_CLASS[why];
    const connection = await this.#writable(requestClass);
    await removeRun(connection, attempt, this.#livePods(attempt), { requestClass, mayWrite });
    this.#views.release(attempt.executionId);
    this.#forget(attempt.executionId);
  }

  override async listRuns({ fresh }: { readonly fresh: boolean } = { fresh: false }): Promise<readonly FoundRun[]> {
    const watches = this.#keeper.current();
    if (watches === undefined) {
      if (this.#keeper.shards.length === 0) return [];
      throw new DomainError({
        kind: 'Unavailable',
        reason: 'ClusterUnreachable',
        message: `The runs on the cluster of provider ${this.#options.providerId} are not listed yet`,
        fault: 'cluster',
        retryable: true,
      });
    }
    return fresh ? this.#listFresh(watches) : this.#listWatched(watches);
  }

  override async listCredentials(): Promise<FoundCredentials> {
    const { shards } = this.#keeper;
    if (shards.length === 0) return { kind: 'listed', found: [] };
    const { installationId } = this.#options;
    return listCredentials(await this.#writable('status'), shardSelector(installationId, shards));
  }

  override async close(): Promise<void> {
    await this.#keeper.close();
  }

  async #listWatched(watches: ClusterWatches): Promise<readonly FoundRun[]> {
    const clusterUid = await clusterUidOf(watches.connection, 'status');
    return [...watches.runs().values()].map(
      ({ executionId, buildId, attempt, shard, namespace, name, uid, verdict, createdAt }) => {
        const whose = { executionId, buildId, attempt, shard, clusterUid };
        return { ...whose, namespace, name, uid, ended: isEnded(verdict), createdAt };
      },
    );
  }

  async #listFresh(watches: ClusterWatches): Promise<readonly FoundRun[]> {
    const { connection } = watches;
    await readClusterUid(connection, 'status');
    const selector = shardSelector(this.#options.installationId, this.#keeper.shards);
    const listed = await listObjects(connection, KUBE_PATHS.pipelineRuns, selector);
    return listed.map(({ found, uid, createdAt }) => {
      const watched = watches.runs().get(`${found.namespace}/${found.name}`);
      return { ...found, uid, createdAt, ended: watched?.uid === uid && isEnded(watched.verdict) };
    });
  }

  /** Pods of the attempt that live and are not being deleted. */
  #livePods({ executionId }: Attempt): readonly PodView[] {
    return this.#views.find(executionId).pods.filter((pod) => this.#isLeft(pod));
  }

  /** The same by the API server: watches may be behind, or have forgotten a run that was deleted long ago. */
  async #podsThere(connection: ClusterConnection, attempt: Attempt): Promise<readonly PodView[]> {
    const pods = await readPods(connection, attempt, 'stop');
    return pods.filter((pod) => pod.executionId === attempt.executionId && this.#isLeft(pod));
  }

  #isLeft(pod: PodView): boolean {
    return !isOver(pod, this.#overdue.has) && pod.deletionGraceMs === undefined;
  }

  #forget(executionId: string): void {
    this.#tails.forget(executionId);
    this.#endedReads.forget(executionId);
    this.#observer.forget(executionId);
  }

  /** The connection, once its cluster has proved to know this database (rule 1). */
  async #writable(requestClass: RequestClass): Promise<ClusterConnection> {
    const connection = this.#keeper.connection();
    const { guard, providerId, mayWrite } = this.#options;
    await guard.ensureKnown(providerId, connection, { requestClass, mayWrite });
    return connection;
  }
}
