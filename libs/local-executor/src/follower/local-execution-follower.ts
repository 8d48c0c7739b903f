import {
  ExecutionFollower,
  type Attempt,
  type AttemptCredentials,
  type AttemptObservation,
  type CreateOutcome,
  type FollowerOptions,
  type FoundCredentials,
  type FoundRun,
  type LogSink,
  type MayWrite,
  type StopIntent,
} from '@image-factory/domain';
import { isProcessAlive } from '../process/process-table.js';
import { endRunProcesses } from '../process/run-processes.js';
import { removeTree } from '../workspace/remove-tree.js';
import { listRunNames, RUN_RECORD, type RunDirectory } from '../workspace/run-directory.js';
import type { RunRecord } from '../workspace/run-state.js';
import { createRun } from '../create/create-run.js';
import { followRunLogs } from './follow-logs.js';
import type { LocalHost } from './local-host.js';
import { observeRun } from '../verdict/observe-run.js';
import { findRunEnd, isRunOver, runMark } from './run-end.js';
import { RunScanner } from './run-scanner.js';

/**
 * Follows the runs of this host. It holds nothing that matters: what is true of a run is in its directory and in the
 * process table, so another process on this host goes on where this one stopped. A run belongs to its host; seen from
 * another it is unreachable, not absent.
 */
export class LocalExecutionFollower extends ExecutionFollower {
  readonly #host: LocalHost;
  readonly #scanner: RunScanner;

  constructor(host: LocalHost, options: FollowerOptions) {
    super();
    this.#host = host;
    this.#scanner = new RunScanner(host, options);
  }

  override setShards(shards: readonly number[]): void {
    this.#scanner.setShards(shards);
  }

  override async ready(signal: AbortSignal): Promise<void> {
    await this.#scanner.ready(signal);
  }

  override watchAgeMs(): number {
    return this.#scanner.ageMs();
  }

  override async create(attempt: Attempt, credentials: AttemptCredentials, mayWrite: MayWrite): Promise<CreateOutcome> {
    return await createRun(this.#host, attempt, credentials, mayWrite);
  }

  override async observe(attempt: Attempt): Promise<AttemptObservation> {
    const { hostId, hostName } = this.#host.settings;
    if (attempt.place.clusterUid !== hostId) {
      const message = `The attempt runs on the host ${attempt.place.namespace}; this is ${hostName}.`;
      return { kind: 'unreachable', reason: 'HostLost', message };
    }
    const run = await this.#host.findRun(attempt);
    if (run === undefined) return { kind: 'absent' };
    const { directory, record } = run;
    const end = await this.#end(directory, record);
    const over = end !== undefined && (await isRunOver(directory, record));
    if (end !== undefined && !over) this.#scanner.lookAgain(record.executionId);
    const state = await directory.findState();
    return observeRun({ record, state, end, over }, attempt.stopIntent, hostName, this.#host.now());
  }

  override async followLogs(attempt: Attempt, sink: LogSink, signal: AbortSignal): Promise<void> {
    const run = await this.#host.findRun(attempt);
    if (run === undefined) return;
    const { directory, record } = run;
    await followRunLogs({
      directory,
      sink,
      signal,
      clock: this.#host.settings.clock,
      pollMs: this.#host.settings.pollMs,
      isOver: async () => {
        if ((await directory.findRecord()) === undefined) return true;
        return (await this.#end(directory, record)) !== undefined && (await isRunOver(directory, record));
      },
    });
  }

  /** The supervisor sees the wish within a tick and ends everything of the run; the scanner sees to it that it does. */
  override async stop(attempt: Attempt, intent: StopIntent, mayWrite: MayWrite): Promise<void> {
    const run = await this.#host.findRun(attempt);
    if (run === undefined || (await this.#end(run.directory, run.record)) !== undefined || !mayWrite()) return;
    const requestedAt = this.#host.now();
    await run.directory.requestStop({ intent, requestedAt: requestedAt.toISOString() });
    // No supervisor has it: then none ever will.
    if (await run.directory.claim({ process: undefined, claimedAt: requestedAt.toISOString() })) {
      await run.directory.recordLoss({ kind: 'stopped' }, requestedAt);
    }
  }

  override async removeCredentials(attempt: Attempt, mayWrite: MayWrite): Promise<void> {
    if (!mayWrite()) return;
    const directory = this.#host.directoryOf(attempt.name);
    if (directory === undefined) return;
    await this.#host.closedMarks.add(attempt.name);
    await directory.removeCredentials();
  }

  override async remove(attempt: Attempt, mayWrite: MayWrite): Promise<void> {
    if (!mayWrite()) return;
    const run = await this.#host.findRun(attempt);
    if (run === undefined) return;
    const { directory, record } = run;
    await this.#host.closedMarks.add(attempt.name);
    const supervisor = (await directory.findSupervisor())?.process;
    const ended = (await this.#end(directory, record)) !== undefined;
    if (!ended && supervisor !== undefined && (await isProcessAlive(supervisor)))
      process.kill(supervisor.pid, 'SIGKILL');
    const mark = runMark(directory, record, await directory.findState());
    await endRunProcesses(mark, { graceMs: 0, giveUpMs: 10_000, wait: this.#host.wait });
    const builders = (await this.#host.builders()).builders;
    const unshareWith = builders.find((builder) => builder.kind === 'buildah' || builder.kind === 'podman')?.path;
    const { path } = this.#host.settings;
    await removeTree(directory.short, { unshareWith, path });
    await removeTree(directory.path, { unshareWith, path, last: RUN_RECORD });
  }

  /** A credential lives in the supervisor's environment only: it is gone with its process. */
  override listCredentials(): Promise<FoundCredentials> {
    return Promise.resolve({ kind: 'listed', found: [] });
  }

  override async listRuns(): Promise<readonly FoundRun[]> {
    const runs: FoundRun[] = [];
    for (const name of await listRunNames(this.#host.settings.workspaceDir)) {
      const directory = this.#host.directoryOf(name);
      const record = await directory?.findRecord();
      if (directory === undefined || record === undefined || !this.#scanner.isOurs(record)) continue;
      const { executionId, buildId, attempt, shard, uid } = record;
      const ended = (await this.#end(directory, record)) !== undefined;
      const createdAt = new Date(record.createdAt);
      runs.push({
        executionId,
        buildId,
        attempt,
        shard,
        clusterUid: this.#host.settings.hostId,
        namespace: this.#host.settings.hostName,
        name,
        uid,
        ended,
        createdAt,
      });
    }
    return runs;
  }

  override async close(): Promise<void> {
    await this.#scanner.close();
  }

  #end(directory: RunDirectory, record: RunRecord): ReturnType<typeof findRunEnd> {
    return findRunEnd(directory, record, this.#host.now, this.#host.wait);
  }
}
