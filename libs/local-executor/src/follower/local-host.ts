import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import type { Attempt } from '@image-factory/domain';
import type { FoundBuilders } from '../builder/builder.js';
import { findBuilders } from '../builder/find-builders.js';
import type { LocalExecutorSettings } from '../executor/local-executor-options.js';
import { ClosedMarks } from '../workspace/closed-marks.js';
import { ARTIFACTS_FOLDER } from '../workspace/purge-artifacts.js';
import { RUN_NAME, RunDirectory } from '../workspace/run-directory.js';
import type { RunRecord } from '../workspace/run-state.js';

const BUILDERS_VALID_MS = 30_000;

/** A run that is on this host. */
export interface KnownRun {
  readonly directory: RunDirectory;
  readonly record: RunRecord;
}

/** What every follower on this host shares: where runs are, what can build, which attempts are closed. */
export class LocalHost {
  readonly settings: LocalExecutorSettings;
  readonly closedMarks: ClosedMarks;
  #builders: Promise<FoundBuilders> | undefined;
  #buildersAtMs = 0;

  constructor(settings: LocalExecutorSettings) {
    this.settings = settings;
    this.closedMarks = new ClosedMarks(settings.workspaceDir);
  }

  /** Undefined for a name that is not one of ours: it never becomes a path. */
  directoryOf(runName: string): RunDirectory | undefined {
    return RUN_NAME.test(runName) ? new RunDirectory(join(this.settings.workspaceDir, runName)) : undefined;
  }

  /** The run of an attempt, when it is there and is that attempt's. */
  async findRun(attempt: Attempt): Promise<KnownRun | undefined> {
    const directory = this.directoryOf(attempt.name);
    const record = await directory?.findRecord();
    if (directory === undefined || record === undefined) return undefined;
    const { installationId, buildId, attempt: number } = attempt;
    const own = record.installationId === installationId && record.buildId === buildId && record.attempt === number;
    return own ? { directory, record } : undefined;
  }

  /** Where the OCI layout of an execution goes; it stays for a while when the run is removed. */
  layoutOf(executionId: string): string {
    return join(this.settings.workspaceDir, ARTIFACTS_FOLDER, executionId);
  }

  /** What builds here, asked again after half a minute so that an installed builder is found without a restart. */
  async builders(): Promise<FoundBuilders> {
    const now = this.settings.clock.monotonicMs();
    if (this.#builders === undefined || now - this.#buildersAtMs > BUILDERS_VALID_MS) {
      this.#buildersAtMs = now;
      this.#builders = findBuilders({ path: this.settings.path, environment: this.settings.builderEnvironment });
    }
    return await this.#builders;
  }

  readonly now = (): Date => this.settings.clock.now();

  /** Waits for processes to end: real time, whatever the clock. */
  readonly wait = async (ms: number): Promise<void> => {
    await delay(ms);
  };
}
