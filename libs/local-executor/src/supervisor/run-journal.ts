import type { Command } from '../command/command.js';
import { readTail } from '../log/read-tail.js';
import type { RunMark } from '../process/run-processes.js';
import type { RunDirectory } from '../workspace/run-directory.js';
import type { Ending, RunState, StepState } from '../workspace/run-state.js';
import type { RunGuard } from './run-guard.js';
import { StepRunner, type CommandExit } from './step-runner.js';
import type { SupervisorOrder } from './supervisor-order.js';
import { wallTime } from './wall-time.js';

export interface RunJournalOptions {
  readonly directory: RunDirectory;
  readonly guard: RunGuard;
  readonly order: SupervisorOrder;
  readonly environment: Readonly<Record<string, string>>;
  readonly mark: Omit<RunMark, 'leaders'>;
}

/** The host's disk is full; `subject` begins the sentence. */
export function diskFullEnding(subject: string): Ending {
  const message = `${subject} disk of the host is full. Free space below IF_LOCAL_WORKSPACE_DIR.`;
  return { kind: 'refused', reason: 'HostDiskFull', message, fault: 'platform' };
}

type StepWork = (step: StepRunner) => Promise<CommandExit | undefined>;

/** Keeps the run's state and writes it after every change: the one writer of `state.json`. */
export class RunJournal {
  readonly #options: RunJournalOptions;
  #state: RunState;

  constructor(options: RunJournalOptions) {
    this.#options = options;
    const { kind, version } = options.order.builder;
    this.#state = {
      builder: { kind, version },
      startedAt: wallTime().toISOString(),
      steps: [],
      endedAt: undefined,
      ending: undefined,
      results: {},
      imageDigest: undefined,
    };
  }

  /** Announces every step before any runs, so that followers know what will come. */
  async begin(buildSteps: readonly string[]): Promise<void> {
    const names = [['clone', 'clone'] as const, ...buildSteps.map((step) => ['build', step] as const)];
    const steps = names.map(([task, step], index) => ({
      task,
      step,
      ordinal: index + 1,
      startedAt: undefined,
      endedAt: undefined,
      exitCode: undefined,
      signal: undefined,
      leaders: [],
    }));
    await this.#change({ steps });
  }

  /** Runs a step unless the run is to end already. Returns how the run ends when the step failed. */
  async runStep(task: string, step: string, work: StepWork): Promise<Ending | undefined> {
    const { guard, directory } = this.#options;
    if (guard.ending !== undefined) return guard.ending;
    await this.#changeStep(task, step, { startedAt: wallTime().toISOString() });
    const runner = await this.#open(task, step);
    let failed: CommandExit | undefined;
    let diskFull = false;
    try {
      failed = await work(runner);
      diskFull = failed !== undefined && (await runner.diskWasFull());
    } finally {
      await runner.close();
      const endedAt = wallTime().toISOString();
      await this.#changeStep(task, step, {
        endedAt,
        exitCode: failed === undefined ? 0 : failed.exitCode,
        signal: failed?.signal,
      });
    }
    if (guard.ending !== undefined) return guard.ending;
    if (failed === undefined) return undefined;
    if (diskFull) return diskFullEnding(`Step ${task}/${step} failed: the`);
    return {
      kind: 'step-failed',
      step: `${task}/${step}`,
      ...failed,
      tail: await readTail(directory.logFile({ task, step })),
    };
  }

  /** Removes what a builder left outside the run's directory; into the last step's log, and never the build's failure. */
  async tidy(commands: readonly Command[]): Promise<void> {
    const last = this.#state.steps.findLast((step) => step.startedAt !== undefined);
    if (commands.length === 0 || last === undefined || this.#options.guard.ending !== undefined) return;
    const runner = await this.#open(last.task, last.step);
    for (const command of commands) await runner.run(command, true);
    await runner.close();
  }

  addResult(name: string, value: string): void {
    this.#state = { ...this.#state, results: { ...this.#state.results, [name]: value } };
  }

  addImage(digest: string, url: string): void {
    this.#state = { ...this.#state, imageDigest: digest };
    this.addResult('IMAGE_URL', url);
    this.addResult('IMAGE_DIGEST', digest);
  }

  /** Whatever the steps left behind, also what escaped the end of its own step. */
  async endEverything(): Promise<void> {
    const step = this.#state.steps[0];
    if (step === undefined) return;
    const runner = await this.#open(step.task, step.step);
    await runner.endProcesses(0);
    await runner.close();
  }

  async finish(ending: Ending): Promise<void> {
    await this.#change({ ending, endedAt: wallTime().toISOString() });
  }

  #open(task: string, step: string): Promise<StepRunner> {
    const { directory, guard, order, environment, mark } = this.#options;
    return StepRunner.open({
      directory,
      guard,
      environment,
      mark,
      step: { task, step },
      stopGraceMs: order.stopGraceMs,
      logLimitBytes: order.logLimitBytes,
      onLeader: (leader) => {
        const leaders = this.#state.steps.find((known) => known.task === task && known.step === step)?.leaders ?? [];
        return this.#changeStep(task, step, { leaders: [...leaders, leader] });
      },
      // Written with the step's next change: a write of its own could use up the disk's reserve before its state is judged.
      onLeadersOver: () => {
        this.#state = { ...this.#state, steps: this.#stepsWith(task, step, { leaders: [] }) };
      },
    });
  }

  async #changeStep(task: string, step: string, change: Partial<StepState>): Promise<void> {
    await this.#change({ steps: this.#stepsWith(task, step, change) });
  }

  #stepsWith(task: string, step: string, change: Partial<StepState>): StepState[] {
    return this.#state.steps.map((known) =>
      known.task === task && known.step === step ? { ...known, ...change } : known,
    );
  }

  async #change(change: Partial<RunState>): Promise<void> {
    this.#state = { ...this.#state, ...change };
    await this.#options.directory.writeState(this.#state);
  }
}
