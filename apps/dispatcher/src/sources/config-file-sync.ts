import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import {
  type ClusterConfig,
  type ConfigProblem,
  type DeclaredCluster,
  parseClusterConfig,
  stableProviderId,
} from '@image-factory/cluster-registry';
import { type Clock, DomainError } from '@image-factory/domain';
import type {
  AppliedFile,
  DeclaredProvider,
  PostgresDeclaredProviders,
  PostgresSourceHolds,
  StaleFile,
} from '@image-factory/persistence';
import type { Logger, Metrics } from '@image-factory/telemetry';
import type { LiveClusterNumbers } from './cluster-numbers.js';
import type { UnheldWatch } from './unheld-watch.js';
import { FileWatch } from './watch-file.js';

export interface ConfigFileSyncOptions {
  readonly path: string;
  /** What `~` stands for in the file. */
  readonly home: string;
  readonly store: PostgresDeclaredProviders;
  readonly holds: PostgresSourceHolds;
  readonly unheld: UnheldWatch;
  readonly numbers: LiveClusterNumbers;
  /** Which process this is, for the trail. */
  readonly host: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** What one look at the file came to. */
export type SyncOutcome = 'unchanged' | 'applied' | 'rejected' | 'stale';

/** A cluster whose name is taken is tried again so often: the other row may have been renamed. */
const RETRY_REFUSED_MS = 60_000;

/**
 * Keeps the provider rows what the configuration file says.
 *
 * Model: each dispatcher polls its own copy of the file (a watch only hurries it) and applies a content once, when it is
 * new to it; the database serializes them and keeps what is in force. So two replicas that see a new content one after
 * the other do not undo each other, and one that still reads the old content does not bring it back. Nor does one that
 * starts with it: a content that was in force before comes back when a running process sees the file become it, or when
 * no live process has held the one in force for a while (all were started with older files). What a process holds it says
 * at each look.
 *
 * Modes: nothing read → in force (the content read last was applied) ⇄ rejected (it is wrong or cannot be read: what was
 * applied before stays in force, and log, metric and the admin's answer say so). Nothing read → stale (it starts with an
 * old content, and says so likewise) → in force (the file was edited, what it says is in force again, or nobody holds
 * what is in force).
 *
 * Failures: a database that is away fails the round; the next one reads again. A process that starts with a wrong file
 * goes on when the installation has applied one before, and refuses to start when it never has.
 */
export class ConfigFileSync {
  readonly #options: ConfigFileSyncOptions;
  readonly #watch: FileWatch;
  #handled: string | undefined;
  #applied: { readonly hash: string; readonly config: ClusterConfig } | undefined;
  #rejected = false;
  /** Of the text that was read last; not what could not be read. */
  #content: string | undefined;
  #stale: string | undefined;
  /** Since when nobody holds what is in force, while this process waits to take its place. */
  #unheldSince: string | undefined;
  #retryAtMs: number | undefined;
  #running: Promise<SyncOutcome> | undefined;

  constructor(options: ConfigFileSyncOptions) {
    this.#options = options;
    this.#watch = new FileWatch(options.path, options.clock, () => this.#hurried());
    options.metrics.observe('configRejected', () => (this.#rejected ? 1 : 0));
    options.metrics.observe('configStale', () => (this.#stale === undefined ? 0 : 1));
  }

  /** The content that this process applied last, with its hash; undefined while it has applied none. */
  get applied(): { readonly hash: string; readonly config: ClusterConfig } | undefined {
    return this.#applied;
  }

  get isRejected(): boolean {
    return this.#rejected;
  }

  /** True while this process has an old content that it started with. */
  get isStale(): boolean {
    return this.#stale !== undefined;
  }

  /**
   * The first look, before anything is placed.
   * @throws DomainError InvalidInput ValidationFailed with every problem when the file is wrong and none was ever applied
   */
  async start(): Promise<void> {
    const known = await this.#options.store.state();
    if (known !== undefined) this.#options.numbers.declare(known.settings);
    const outcome = await this.syncOnce();
    this.#watch.ensure();
    if (outcome !== 'rejected' || known?.hash !== undefined) return;
    this.close();
    const { rejection } = (await this.#options.store.state()) ?? {};
    const lines = (rejection?.problems ?? []).map(({ line, path, message }) => `  line ${line}: ${path} ${message}`);
    throw new DomainError({
      kind: 'InvalidInput',
      reason: 'ValidationFailed',
      message: `The configuration file ${this.#options.path} (IF_CONFIG_FILE) is wrong:\n${lines.join('\n')}`,
    });
  }

  /** Looks at the file and applies it when its content is new here. One look at a time. */
  syncOnce(): Promise<SyncOutcome> {
    this.#running ??= this.#look().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  close(): void {
    this.#watch.close();
  }

  async #look(): Promise<SyncOutcome> {
    this.#watch.ensure();
    const { path, clock } = this.#options;
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => error);
    const hash =
      typeof text === 'string' ? createHash('sha256').update(text).digest('hex') : `unreadable ${text.code ?? ''}`;
    if (this.#applied !== undefined) await this.#options.holds.hold('file', this.#applied.hash);
    const due = this.#retryAtMs !== undefined && clock.monotonicMs() >= this.#retryAtMs;
    if (hash === this.#handled && !due) return 'unchanged';
    const parsed =
      typeof text === 'string'
        ? parseClusterConfig(text, { home: this.#options.home })
        : { kind: 'invalid' as const, problems: [unreadable(text)] };
    const outcome =
      parsed.kind === 'valid' ? await this.#apply(hash, parsed.config) : await this.#reject(hash, parsed.problems);
    if (typeof text === 'string') this.#content = hash;
    // A stale content is looked at again each time: another process may make it the one in force.
    this.#handled = outcome === 'stale' ? undefined : hash;
    return outcome;
  }

  async #apply(hash: string, config: ClusterConfig): Promise<SyncOutcome> {
    const { path, host, store, holds, numbers, clock, logger } = this.#options;
    const providers = config.clusters.map(toProvider);
    const isEdit = this.#content !== undefined && this.#content !== hash;
    const unheld = this.#unheldSince === undefined ? {} : { unheldSince: this.#unheldSince };
    const settings = { ...config.settings };
    const applied = await store.apply({ path, hash, by: host, isEdit, ...unheld, providers, settings });
    if (applied.kind === 'stale') return this.#keepAway(hash, applied);
    await holds.hold('file', hash);
    numbers.declare(config.settings);
    if (this.#rejected) logger.info('the configuration file is right again', { path });
    this.#rejected = false;
    this.#stale = undefined;
    this.#unheldSince = undefined;
    this.#applied = { hash, config };
    this.#retryAtMs = applied.refused.length === 0 ? undefined : clock.monotonicMs() + RETRY_REFUSED_MS;
    this.#tell(applied, hash === this.#handled);
    return 'applied';
  }

  #keepAway(hash: string, { heldAt }: StaleFile): SyncOutcome {
    const { path, unheld, logger } = this.#options;
    if (this.#stale !== hash) {
      const message = 'the configuration file is an old one, and is not used while another dispatcher has a newer one';
      logger.error(message, { path, hash, fix: 'give this process the new file, or edit it to make this content new' });
    }
    this.#unheldSince = unheld.isUnheld(heldAt) ? heldAt : undefined;
    this.#stale = hash;
    this.#rejected = false;
    return 'stale';
  }

  async #reject(hash: string, problems: readonly ConfigProblem[]): Promise<SyncOutcome> {
    const { path, host, store, logger } = this.#options;
    await store.reject({ path, hash, by: host, problems });
    this.#rejected = true;
    this.#stale = undefined;
    this.#retryAtMs = undefined;
    logger.error('the configuration file is wrong; what was applied before stays in force', { path, problems });
    return 'rejected';
  }

  #tell({ created, changed, retired, refused }: AppliedFile, again: boolean): void {
    const { path, logger } = this.#options;
    if (created.length + changed.length + retired.length > 0 || !again) {
      logger.info('the configuration file is in force', { path, created, changed, retired });
    }
    for (const { name, line, source, providerId } of again ? [] : refused) {
      const message = `line ${line} of ${path} is not used: a provider of the ${source} has the name ${name}; rename one`;
      logger.error(message, { provider: providerId });
    }
  }

  #hurried(): void {
    this.syncOnce().catch((error: unknown) => {
      this.#options.logger.warn('the configuration file could not be applied; the next round tries again', { error });
    });
  }
}

/** A file's cluster as its row. The id is a function of the name, so that every process makes the same row. */
function toProvider(cluster: DeclaredCluster): DeclaredProvider {
  const { name, type, config, describe, region, capabilities, labels, maxConcurrentBuilds, isDefault, line } = cluster;
  const id = stableProviderId('file', name.toLowerCase());
  return { id, name, type, config, describe, region, capabilities, labels, maxConcurrentBuilds, isDefault, line };
}

function unreadable(error: NodeJS.ErrnoException): ConfigProblem {
  return { line: 1, column: 1, path: '', message: `the file cannot be read (${error.code ?? 'error'})` };
}
