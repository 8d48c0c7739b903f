import { isDomainError, type FollowerOptions } from '@image-factory/domain';
import { isProcessAlive } from '../process/process-table.js';
import { purgeArtifacts } from '../workspace/purge-artifacts.js';
import { listRunNames, purgeUnfinished, type RunDirectory } from '../workspace/run-directory.js';
import type { RunRecord } from '../workspace/run-state.js';
import { isErrno } from '../workspace/write-atomically.js';
import type { LocalHost } from './local-host.js';
import { findRunEnd } from './run-end.js';

const LIFE_CHECK_MS = 1_000;
const PURGE_MS = 60 * 60 * 1000;
/** Beyond the grace period a supervisor has this long to end what it supervises. */
const STOP_MARGIN_MS = 45_000;

/**
 * Looks at the run directories again and again and tells which executions changed. Every second it also looks whether
 * supervisors live, and ends one that was asked to stop and does not.
 *
 * Modes: before the first scan nothing is known and `ready` waits; then it scans until closed. A scan that fails leaves
 * the age growing, and the next one follows.
 */
export class RunScanner {
  readonly #host: LocalHost;
  readonly #options: FollowerOptions;
  readonly #controller = new AbortController();
  readonly #loop: Promise<void>;
  readonly #ready: Promise<void>;
  #shards: ReadonlySet<number>;
  #fingerprints = new Map<string, string>();
  readonly #records = new Map<string, RunRecord>();
  readonly #again = new Set<string>();
  #scannedAtMs: number;
  #checkedAtMs = 0;
  #purgedAtMs: number;

  constructor(host: LocalHost, options: FollowerOptions) {
    this.#host = host;
    this.#options = options;
    this.#shards = new Set(options.shards);
    this.#scannedAtMs = host.settings.clock.monotonicMs();
    this.#purgedAtMs = this.#scannedAtMs;
    let first: () => void = () => undefined;
    this.#ready = new Promise((resolve) => (first = resolve));
    this.#loop = this.#run(first);
  }

  setShards(shards: readonly number[]): void {
    this.#shards = new Set(shards);
    // Runs of shards that come are new to this follower; those that stay are merely looked at once more.
    this.#fingerprints = new Map();
  }

  isOurs(record: RunRecord): boolean {
    return record.installationId === this.#options.installationId && this.#shards.has(record.shard);
  }

  async ready(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    let stop: () => void = () => undefined;
    const aborted = new Promise<never>((_resolve, reject) => {
      stop = () => reject(signal.reason as Error);
      signal.addEventListener('abort', stop, { once: true });
    });
    try {
      await Promise.race([this.#ready, aborted]);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  ageMs(): number {
    return this.#host.settings.clock.monotonicMs() - this.#scannedAtMs;
  }

  /** Tells of this execution once more at the next life check: something of it still lives. */
  lookAgain(executionId: string): void {
    this.#again.add(executionId);
  }

  async close(): Promise<void> {
    this.#controller.abort();
    await this.#loop;
  }

  async #run(first: () => void): Promise<void> {
    const { clock, pollMs, logger } = this.#host.settings;
    while (!this.#controller.signal.aborted) {
      try {
        await this.#scan();
        this.#scannedAtMs = clock.monotonicMs();
        first();
      } catch (error) {
        const code = isDomainError(error)
          ? error.reason
          : error instanceof Error && 'code' in error
            ? error.code
            : 'unknown';
        logger.warn('Scanning the runs of this host failed', { code });
      }
      await clock.sleep(pollMs, this.#controller.signal).catch(() => undefined);
    }
  }

  async #scan(): Promise<void> {
    const { clock, workspaceDir, artifactKeepMs } = this.#host.settings;
    const names = await listRunNames(workspaceDir).catch((error: unknown) => {
      if (isErrno(error, 'ENOENT')) return [];
      throw error;
    });
    const checkLives = clock.monotonicMs() - this.#checkedAtMs >= LIFE_CHECK_MS;
    if (checkLives) this.#checkedAtMs = clock.monotonicMs();
    const seen = new Map<string, string>();
    for (const name of names) {
      const directory = this.#host.directoryOf(name);
      const record = directory === undefined ? undefined : await this.#record(name, directory);
      if (directory === undefined || record === undefined || !this.isOurs(record)) continue;
      if (checkLives) await this.#checkLife(directory, record);
      seen.set(name, await directory.fingerprint());
    }
    this.#tell(seen, checkLives);
    if (clock.monotonicMs() - this.#purgedAtMs > PURGE_MS) {
      this.#purgedAtMs = clock.monotonicMs();
      await this.#host.closedMarks.purge(clock.now());
      await purgeArtifacts(workspaceDir, artifactKeepMs, clock.now());
      await purgeUnfinished(workspaceDir, clock.now());
    }
  }

  #tell(seen: Map<string, string>, checkLives: boolean): void {
    const before = this.#fingerprints;
    this.#fingerprints = seen;
    const changed = new Set<string>();
    for (const name of new Set([...seen.keys(), ...before.keys()])) {
      const record = this.#records.get(name);
      if (record !== undefined && before.get(name) !== seen.get(name)) changed.add(record.executionId);
      if (!seen.has(name)) this.#records.delete(name);
    }
    if (checkLives) {
      for (const executionId of this.#again) changed.add(executionId);
      this.#again.clear();
    }
    for (const executionId of changed) this.#options.onChange(executionId);
  }

  async #record(name: string, directory: RunDirectory): Promise<RunRecord | undefined> {
    const known = this.#records.get(name) ?? (await directory.findRecord());
    if (known !== undefined) this.#records.set(name, known);
    return known;
  }

  async #checkLife(directory: RunDirectory, record: RunRecord): Promise<void> {
    const end = await findRunEnd(directory, record, this.#host.now, this.#host.wait);
    if (end !== undefined) return;
    const stop = await directory.findStop();
    if (stop === undefined) return;
    const waitedMs = this.#host.now().getTime() - Date.parse(stop.requestedAt);
    if (waitedMs < this.#host.settings.stopGraceMs + STOP_MARGIN_MS) return;
    const supervisor = (await directory.findSupervisor())?.process;
    if (supervisor !== undefined && (await isProcessAlive(supervisor))) process.kill(supervisor.pid, 'SIGKILL');
  }
}
