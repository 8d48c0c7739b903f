import {
  infrastructureTypeOf,
  isDomainError,
  isLeaseLost,
  isTerminalExecutionState,
  type BuildExecutor,
  type ExecutionFollower,
  type Provider,
} from '@image-factory/domain';
import type { OwnedExecution, OwnedSummary, ShardLease } from '@image-factory/persistence';
import { ExecutionMemory, type ExecutionScope, type StepResult } from '../execution/execution-scope.js';
import { reconcileExecution } from '../execution/reconcile-execution.js';
import { BatchedLogSink } from '../log/batched-log-sink.js';
import { ExecutionJournal } from '../log/execution-journal.js';
import { backOffMs } from '../loop/back-off.js';
import { KeyedWorkQueue } from '../loop/keyed-work-queue.js';
import type { FollowerParts } from './follower-parts.js';

/** Longest wait for buffered log to be written when an execution is handed over. */
const SETTLE_MS = 2_000;
/** A first list that takes longer is not waited for: what it would have shown counts as unreachable. */
const LIST_LIMIT_MS = 10_000;
const FAILURE = { baseMs: 500, capMs: 30_000 };
/** Its cluster takes no more now: thousands of sweeps that are due at once come again until all had their turn. */
const PUT_OFF = { baseMs: 500, capMs: 10_000 };

interface Tracked {
  readonly memory: ExecutionMemory;
  journal: ExecutionJournal | undefined;
  fence: ShardLease | undefined;
  summary: OwnedSummary;
  /** What is kept of the row that was read last; undefined before the first. Thousands are followed: not all of it. */
  kept: Pick<OwnedExecution, 'document' | 'slotHeld'> | undefined;
}

/**
 * All that this dispatcher does for one provider: one executor's follower over the shards held there, a dirty set of
 * their executions, and the reconcile of each, one at a time per execution and a bounded number at once. Nothing is
 * shared with other providers, so a sick cluster holds up only its own.
 *
 * Modes: open (shards may come and go) → closed. A shard that is given up: its executions are forgotten, their
 * journals stopped and flushed, and only then may its lease be released.
 */
export class ProviderFollower {
  readonly #leases = new Map<number, ShardLease>();
  readonly #tracked = new Map<string, Tracked>();
  readonly #queue: KeyedWorkQueue;
  readonly #follower: ExecutionFollower;
  #provider: Provider;
  /** While the shards held are listed for the first time, unless that takes too long: nothing is known to be absent. */
  #listing: Promise<void> | undefined;

  constructor(
    provider: Provider,
    readonly executor: BuildExecutor,
    private readonly parts: FollowerParts,
  ) {
    this.#provider = provider;
    this.#queue = new KeyedWorkQueue({
      concurrency: parts.reconcileConcurrency,
      clock: parts.clock,
      work: (executionId) => this.#reconcile(executionId),
    });
    this.#follower = executor.openFollower({
      providerId: provider.id,
      installationId: parts.installationId,
      shards: [],
      watchStaleMs: parts.watchStaleMs,
      mayWrite: parts.mayWrite,
      onChange: (executionId) => {
        if (this.#tracked.has(executionId)) this.#queue.add(executionId);
      },
    });
  }

  get providerId(): string {
    return this.#provider.id;
  }

  get leases(): readonly ShardLease[] {
    return [...this.#leases.values()];
  }

  get follower(): ExecutionFollower {
    return this.#follower;
  }

  /** A drain that begins, ends or gets another deadline is looked at at once. */
  update(provider: Provider): void {
    const { state, drainDeadlineAt } = this.#provider;
    this.#provider = provider;
    if (state === provider.state && drainDeadlineAt?.getTime() === provider.drainDeadlineAt?.getTime()) return;
    for (const executionId of this.#tracked.keys()) this.#queue.add(executionId);
  }

  hold(leases: readonly ShardLease[]): void {
    for (const lease of leases) this.#leases.set(lease.shard, lease);
    this.#follower.setShards([...this.#leases.keys()]);
    const listed = this.#follower.ready(AbortSignal.timeout(LIST_LIMIT_MS)).catch(() => undefined);
    const listing = listed.then(() => {
      if (this.#listing === listing) this.#listing = undefined;
    });
    this.#listing = listing;
  }

  /** Something outside may have changed it: it is looked at. @returns false when it is not followed here */
  touch(executionId: string): boolean {
    if (!this.#tracked.has(executionId)) return false;
    this.#queue.add(executionId);
    return true;
  }

  /** An execution that is new on its shards, or has changed. */
  takeUp(summary: OwnedSummary): void {
    const known = this.#tracked.get(summary.executionId);
    if (known === undefined) this.#track(summary);
    else known.summary = summary;
    this.#queue.add(summary.executionId);
  }

  get summaries(): readonly OwnedSummary[] {
    return [...this.#tracked.values()].map(({ summary }) => summary);
  }

  /** Slots that its executions hold: from placed until their pods are over. */
  get slotsUsed(): number {
    let used = 0;
    for (const { kept, summary } of this.#tracked.values()) {
      if (kept === undefined ? !isTerminalExecutionState(summary.state) : kept.slotHeld) used += 1;
    }
    return used;
  }

  /** Executions that have not reached a terminal state. */
  get live(): number {
    let live = 0;
    for (const { summary } of this.#tracked.values()) if (!isTerminalExecutionState(summary.state)) live += 1;
    return live;
  }

  /** Stops all work on these shards; when it resolves nothing more is written about them from here. */
  async giveUp(leases: readonly ShardLease[]): Promise<void> {
    const tokens = new Set(leases.map((lease) => lease.token));
    for (const lease of leases)
      if (this.#leases.get(lease.shard)?.token === lease.token) this.#leases.delete(lease.shard);
    this.#follower.setShards([...this.#leases.keys()]);
    const gone = [...this.#tracked].filter(([, { fence }]) => fence === undefined || tokens.has(fence.token));
    await Promise.all(gone.map(([executionId]) => this.#forget(executionId)));
  }

  /** Ends everything; `graceful` lets what is in progress end. */
  async close(): Promise<void> {
    this.#leases.clear();
    await this.#queue.close();
    await Promise.all([...this.#tracked.keys()].map((executionId) => this.#forget(executionId)));
    await this.#follower.close();
  }

  #track(summary: OwnedSummary): void {
    this.#tracked.set(summary.executionId, {
      memory: new ExecutionMemory(),
      journal: undefined,
      fence: undefined,
      kept: undefined,
      summary,
    });
  }

  async #forget(executionId: string): Promise<void> {
    const tracked = this.#tracked.get(executionId);
    this.#tracked.delete(executionId);
    await this.#queue.forget(executionId);
    await tracked?.journal?.stop();
    if (this.parts.mayWrite()) await this.parts.batcher.settle(executionId, SETTLE_MS);
    this.parts.batcher.forget(executionId, tracked?.fence?.token);
  }

  async #reconcile(executionId: string): Promise<void> {
    const tracked = this.#tracked.get(executionId);
    if (tracked === undefined) return;
    try {
      const result = await this.#round(executionId, tracked);
      tracked.memory.failures = 0;
      this.#after(executionId, result);
    } catch (error) {
      if (isLeaseLost(error)) {
        // What was only kept back here may be sent again: whether the shard is lost is for the database to say.
        const keptBack = isDomainError(error) && error.details.outcome === 'notSent';
        return this.#after(executionId, keptBack ? { kind: 'wait', ms: 500 } : { kind: 'leaseLost' });
      }
      const waitMs = backOffMs(tracked.memory.failures, isPutOff(error) ? PUT_OFF : FAILURE);
      tracked.memory.failures += 1;
      this.parts.logger[isPutOff(error) ? 'debug' : 'warn']('an execution could not be reconciled; it is tried again', {
        execution: executionId,
        error,
        waitMs,
      });
      this.#after(executionId, { kind: 'wait', ms: waitMs });
    }
  }

  async #round(executionId: string, tracked: Tracked): Promise<StepResult> {
    const dispatcherId = this.parts.dispatcherId();
    if (dispatcherId === undefined || !this.parts.mayWrite()) return { kind: 'wait', ms: 500 };
    const askedAtMs = this.parts.judge.databaseNowMs();
    const row = await this.parts.executions.findOne(dispatcherId, executionId, tracked.kept?.document);
    if (row !== undefined) this.parts.judge.read(row.readAt, askedAtMs);
    if (row === undefined || row.providerId !== this.providerId) return { kind: 'forget' };
    if (this.#leases.get(row.shard)?.token !== row.fence.token) return { kind: 'wait', ms: 500 };
    if (tracked.fence?.token !== row.fence.token) await this.#renewJournal(executionId, tracked);
    if (tracked.kept?.slotHeld === true && !row.slotHeld) this.parts.onSlotFreed();
    tracked.fence = row.fence;
    tracked.kept = { document: row.document, slotHeld: row.slotHeld };
    tracked.summary = { ...tracked.summary, state: row.state, buildStatus: row.buildStatus };
    if (row.state !== 'creating' && this.#listing !== undefined) return this.#afterList(executionId, this.#listing);
    return reconcileExecution(this.#scope(executionId, tracked, row), row);
  }

  /** Waits beside the queue: what the list is not needed for, creates above all, must not wait behind it. */
  #afterList(executionId: string, listing: Promise<void>): StepResult {
    void listing.then(() => this.#queue.add(executionId));
    return { kind: 'wait', ms: LIST_LIMIT_MS };
  }

  /** A shard that came back under another token: what followed under the old one writes nothing more. */
  async #renewJournal(executionId: string, tracked: Tracked): Promise<void> {
    await tracked.journal?.stop();
    this.parts.batcher.forget(executionId, tracked.fence?.token);
    tracked.journal = undefined;
  }

  #after(executionId: string, result: StepResult): void {
    if (!this.#tracked.has(executionId)) return;
    switch (result.kind) {
      case 'again':
        return this.#queue.add(executionId);
      case 'wait':
        return this.#queue.addAfter(executionId, result.ms);
      case 'forget':
        return this.#drop(executionId);
      case 'leaseLost': {
        const fence = this.#tracked.get(executionId)?.fence;
        this.#drop(executionId);
        if (fence !== undefined) this.parts.onLeaseLost(fence);
      }
    }
  }

  /** Forgets from inside the reconcile itself: must not wait for it. */
  #drop(executionId: string): void {
    const tracked = this.#tracked.get(executionId);
    this.#tracked.delete(executionId);
    void this.#queue.forget(executionId);
    this.parts.batcher.forget(executionId, tracked?.fence?.token);
    void tracked?.journal?.stop();
    if (tracked !== undefined) this.parts.onForgotten(tracked.summary);
  }

  #scope(executionId: string, tracked: Tracked, row: OwnedExecution): ExecutionScope {
    const { parts } = this;
    const { token } = row.fence;
    tracked.journal ??= this.#journal(executionId, row);
    return {
      infrastructureType: infrastructureTypeOf(this.#provider.type),
      follower: this.#follower,
      executions: parts.executions,
      journal: tracked.journal,
      credentials: parts.credentials,
      publisher: parts.publisher,
      judge: parts.judge,
      limits: parts.limits,
      retry: parts.retry,
      memory: tracked.memory,
      mayWrite: () => parts.mayWrite() && this.#leases.get(row.shard)?.token === token,
      provider: this.#provider,
      isLostForAll: () => parts.isLostForAll(row.providerId),
      monotonicMs: () => parts.clock.monotonicMs(),
      logger: parts.logger,
      metrics: parts.metrics,
    };
  }

  #journal(executionId: string, row: OwnedExecution): ExecutionJournal {
    const { batcher, logs, clock, logger, logLimitBytes } = this.parts;
    const target = { executionId, day: row.logDay, fence: row.fence };
    return new ExecutionJournal({
      sink: new BatchedLogSink(batcher, logs, target, logLimitBytes),
      openSteps: async () => (await logs.listSteps(executionId)).filter((step) => !step.ended),
      clock,
      logger,
      onFollowed: () => {
        if (this.#tracked.has(executionId)) this.#queue.add(executionId);
      },
    });
  }
}

function isPutOff(error: unknown): boolean {
  return isDomainError(error) && error.reason === 'ClusterThrottled' && error.details.outcome === 'notSent';
}
