import {
  DomainError,
  ExecutionFollower,
  type Attempt,
  type AttemptCredentials,
  type AttemptObservation,
  type CreateOutcome,
  type FollowerOptions,
  type FoundCredentials,
  type FoundRun,
  type LogRecord,
  type LogSink,
  type MayWrite,
  type StopIntent,
  isCancelIntent,
} from '@image-factory/domain';
import { fakeEnd, type FakeCluster, type FakeRun, type FakeStep } from './fake-cluster.js';

const RECORDS_PER_APPEND = 50;

/** The follower of the fake executor: everything is read from the shared {@link FakeCluster}. */
export class FakeExecutionFollower extends ExecutionFollower {
  #shards: readonly number[];
  #closed = false;
  #lastContactMs = Date.now();
  readonly #unwatch: () => void;

  constructor(
    private readonly cluster: FakeCluster,
    private readonly options: FollowerOptions,
  ) {
    super();
    this.#shards = options.shards;
    this.#unwatch = cluster.watch((run) => {
      if (!this.#closed && this.#shards.includes(run.shard)) options.onChange(run.executionId);
    });
  }

  override setShards(shards: readonly number[]): void {
    this.#shards = shards;
    for (const run of this.cluster.runs.values())
      if (shards.includes(run.shard)) this.options.onChange(run.executionId);
  }

  override ready(): Promise<void> {
    return this.cluster.beforeList();
  }

  override watchAgeMs(): number {
    if (this.cluster.reachable && !this.cluster.silent) this.#lastContactMs = Date.now();
    return Date.now() - this.#lastContactMs;
  }

  override async create(attempt: Attempt, credentials: AttemptCredentials, mayWrite: MayWrite): Promise<CreateOutcome> {
    void credentials;
    await this.cluster.beforeCreate();
    if (!mayWrite()) return { kind: 'notAllowed' };
    if (!this.cluster.reachable) {
      return { kind: 'retryLater', reason: 'ClusterUnreachable', message: 'The fake cluster is unreachable.' };
    }
    this.cluster.createRequests.push(attempt.name);
    const outcome = this.#answer(attempt);
    await this.cluster.afterCreate();
    return outcome;
  }

  override observe(attempt: Attempt): Promise<AttemptObservation> {
    if (!this.cluster.reachable) {
      return Promise.resolve({
        kind: 'unreachable',
        reason: 'ClusterUnreachable',
        message: 'The fake cluster is unreachable.',
      });
    }
    const run = this.#own(attempt);
    if (run === undefined) return Promise.resolve({ kind: 'absent' });
    const { endsTold } = this.cluster;
    if (run.phase === 'ended') endsTold.set(run.name, (endsTold.get(run.name) ?? 0) + 1);
    return Promise.resolve({
      kind: 'present',
      uid: run.uid,
      phase: run.phase,
      waiting: run.waiting,
      firstStepStartedAt: run.firstStepStartedAt,
      runSeconds: this.#runSeconds(run),
      waitingSince: run.waitingSince ?? (run.phase === 'pending' ? run.createdAt : undefined),
      endedAt: run.endedAt,
      podsOver: run.livePods === 0,
      podsProvedOver: run.livePods === 0 && !run.nodeLost,
      end: isTold(run, attempt.stopIntent) ? fakeEnd(run, attempt.stopIntent) : undefined,
    });
  }

  override async followLogs(attempt: Attempt, sink: LogSink, signal: AbortSignal): Promise<void> {
    const run = this.#own(attempt);
    if (run === undefined) return;
    for (const step of run.steps) await this.#followStep(run, step, sink, signal);
  }

  override async stop(attempt: Attempt, intent: StopIntent, mayWrite: MayWrite): Promise<void> {
    this.#requireContact();
    if (!mayWrite()) return;
    const run = this.#own(attempt);
    if (run === undefined || run.phase === 'ended') return;
    await this.cluster.beforeStop(run);
    this.cluster.stops.push({ name: run.name, intent });
    this.cluster.stopRun(run, intent);
  }

  override removeCredentials(attempt: Attempt, mayWrite: MayWrite): Promise<void> {
    this.#requireContact();
    if (!mayWrite()) return Promise.resolve();
    this.cluster.beforeRemoveCredentials({ ...attempt, namespace: attempt.place.namespace });
    this.cluster.secrets.delete(attempt.name);
    return Promise.resolve();
  }

  override remove(attempt: Attempt, mayWrite: MayWrite): Promise<void> {
    this.#requireContact();
    if (!mayWrite()) return Promise.resolve();
    const run = this.#own(attempt);
    if (run !== undefined) {
      this.cluster.killPods(run);
      this.cluster.removed.push(run.name);
      this.cluster.dropRun(run);
    }
    return Promise.resolve();
  }

  override listRuns(): Promise<readonly FoundRun[]> {
    this.#requireContact();
    const runs = [...this.cluster.runs.values()].filter(
      (run) => run.installationId === this.options.installationId && this.#shards.includes(run.shard),
    );
    return Promise.resolve(
      runs.map((run) => ({
        executionId: run.executionId,
        buildId: run.buildId,
        attempt: run.attempt,
        shard: run.shard,
        clusterUid: this.cluster.clusterUid,
        namespace: run.namespace,
        name: run.name,
        uid: run.uid,
        ended: run.phase === 'ended',
        createdAt: run.createdAt,
      })),
    );
  }

  override listCredentials(): Promise<FoundCredentials> {
    this.#requireContact();
    if (this.cluster.foreign) return Promise.reject(foreignInstallation());
    const own = [...this.cluster.secrets].filter(([, { shard }]) => this.#shards.includes(shard));
    const { clusterUid } = this.cluster;
    const found = own.map(([name, { executionId, buildId, attempt, shard, namespace = 'fake' }]) => {
      return { executionId, buildId, attempt, shard, clusterUid, namespace, name };
    });
    return Promise.resolve({ kind: 'listed', found });
  }

  override close(): Promise<void> {
    this.#closed = true;
    this.#unwatch();
    return Promise.resolve();
  }

  #answer(attempt: Attempt): CreateOutcome {
    const fault = this.cluster.takeCreateFault();
    if (fault === 'unknown')
      return { kind: 'unknown', reason: 'ClusterUnavailable', message: 'The request timed out.' };
    if (fault === 'retry-later') {
      return { kind: 'retryLater', reason: 'AdmissionTimeout', message: 'The webhook timed out.', retryAfterMs: 10 };
    }
    if (fault === 'refused') {
      return { kind: 'refused', reason: 'PipelineRunRefused', message: 'The webhook refused it.', fault: 'user' };
    }
    if (fault === 'refused-by-cluster') {
      return { kind: 'refused', reason: 'NamespaceTerminating', message: 'The namespace ends.', fault: 'cluster' };
    }
    this.cluster.secrets.set(attempt.name, { ...attempt, namespace: attempt.place.namespace });
    const existing = this.cluster.find(attempt.name);
    if (existing !== undefined) return { kind: 'adopted', uid: existing.uid };
    const run = this.cluster.addRun({
      name: attempt.name,
      namespace: attempt.place.namespace,
      installationId: attempt.installationId,
      executionId: attempt.executionId,
      buildId: attempt.buildId,
      attempt: attempt.attempt,
      shard: attempt.shard,
      document: attempt.document,
    });
    if (fault === 'unknown-committed') {
      return { kind: 'unknown', reason: 'ClusterUnavailable', message: 'The connection was reset.' };
    }
    return { kind: 'created', uid: run.uid };
  }

  async #followStep(run: FakeRun, step: FakeStep, sink: LogSink, signal: AbortSignal): Promise<void> {
    const cursor = await sink.cursor(step.step);
    if (cursor.ended) return;
    let next = indexAt(step.records, cursor.byteOffset);
    for (;;) {
      signal.throwIfAborted();
      while (next < step.records.length) {
        const records = step.records.slice(next, next + RECORDS_PER_APPEND);
        await sink.append(step.step, records);
        next += records.length;
        signal.throwIfAborted();
      }
      if (step.ended) break;
      if (!this.cluster.runs.has(run.name)) {
        const time = new Date().toISOString();
        await sink.append(step.step, [{ kind: 'gap', time, reason: 'PodDeleted', message: 'The pod is gone.' }]);
        break;
      }
      await this.#moreOutput(step, next, run, signal);
    }
    await sink.end(step.step);
  }

  /** Resolves when the step has printed more, has ended, or its run is gone; rejects on the signal. */
  #moreOutput(step: FakeStep, next: number, run: FakeRun, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (): boolean => step.records.length > next || step.ended || !this.cluster.runs.has(run.name);
      const stop = this.cluster.onOutput(() => {
        if (!done()) return;
        stop();
        signal.removeEventListener('abort', abort);
        resolve();
      });
      const abort = (): void => {
        stop();
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', abort, { once: true });
      if (signal.aborted) abort();
      else if (done()) {
        stop();
        signal.removeEventListener('abort', abort);
        resolve();
      }
    });
  }

  #own(attempt: Attempt): FakeRun | undefined {
    const run = this.cluster.find(attempt.name);
    const own =
      run?.installationId === attempt.installationId &&
      run.buildId === attempt.buildId &&
      run.attempt === attempt.attempt;
    return own ? run : undefined;
  }

  #runSeconds(run: FakeRun): number {
    if (run.phase !== 'running' || run.firstStepStartedAt === undefined) return run.runSeconds;
    if (run.waitingSince !== undefined) return run.runSeconds;
    return run.runSeconds + (Date.now() - run.firstStepStartedAt.getTime()) / 1000;
  }

  #requireContact(): void {
    if (this.cluster.reachable) return;
    throw new DomainError({
      kind: 'Unavailable',
      reason: 'ClusterUnreachable',
      message: 'The fake cluster is unreachable.',
      fault: 'cluster',
      retryable: true,
    });
  }
}

/** Index of the record that starts at `byteOffset`; gaps take no bytes. */
function indexAt(records: readonly LogRecord[], byteOffset: number): number {
  let offset = 0;
  let index = 0;
  while (index < records.length && offset < byteOffset) {
    const record = records[index];
    if (record?.kind === 'line') offset += record.text.length + (record.newline ? 1 : 0);
    index += 1;
  }
  return index;
}

function foreignInstallation(): DomainError {
  return new DomainError({
    kind: 'NotAllowed',
    reason: 'ForeignInstallation',
    message: 'The fake cluster is known to another copy of this database.',
    fault: 'cluster',
  });
}

/** Of a build that its user stops nothing is explained. */
function isTold({ phase, unexplained }: FakeRun, stopIntent: StopIntent | undefined): boolean {
  return phase === 'ended' && (!unexplained || isCancelIntent(stopIntent));
}
