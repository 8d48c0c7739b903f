import { open, statfs, writeFile, type FileHandle } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { showCommand, type Command } from '../command/command.js';
import { LogTimesWriter } from '../log/log-times.js';
import { identifyProcess, readBootId, type ProcessIdentity } from '../process/process-table.js';
import { endRunProcesses, type RunMark } from '../process/run-processes.js';
import type { RunDirectory } from '../workspace/run-directory.js';
import type { StepState } from '../workspace/run-state.js';
import type { RunGuard } from './run-guard.js';
import { wallTime } from './wall-time.js';

/** How one command ended. */
export interface CommandExit {
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
}

export interface StepRunnerOptions {
  readonly directory: RunDirectory;
  readonly step: Pick<StepState, 'task' | 'step'>;
  readonly guard: RunGuard;
  readonly environment: Readonly<Record<string, string>>;
  readonly mark: Omit<RunMark, 'leaders'>;
  readonly stopGraceMs: number;
  readonly logLimitBytes: number;
  /** Told of each command's process as soon as it runs, so that others could end it. */
  readonly onLeader: (leader: ProcessIdentity) => Promise<void>;
  /** Told when nothing of them lives: their numbers may be other processes' from then on. */
  readonly onLeadersOver: () => void;
}

/** A disk with less room than this is full: what fails on it fails for that. */
const FULL_BYTES = 64 * 1024;

/** After KILL the kernel needs a moment; a process in uninterruptible sleep may need long. */
const GIVE_UP_MS = 30_000;

/**
 * Runs the commands of one step, each in a session of its own with the step's log file as stdout and stderr, so that the
 * bytes are theirs, in their order, and outlive this process. When a command has ended, or the guard says so, whatever it
 * left running is ended too: a step is over only when nothing of it lives.
 */
export class StepRunner {
  readonly #options: StepRunnerOptions;
  readonly #log: FileHandle;
  readonly #times: LogTimesWriter;
  readonly #removeCheck: () => void;
  #leaders: ProcessIdentity[] = [];
  #diskWasFull = false;

  private constructor(options: StepRunnerOptions, log: FileHandle, times: LogTimesWriter) {
    this.#options = options;
    this.#log = log;
    this.#times = times;
    this.#removeCheck = options.guard.addCheck(async () => {
      const { size } = await this.#log.stat();
      await this.#times.note(size, wallTime());
      await this.#lookAtDisk();
      if (size <= options.logLimitBytes) return undefined;
      const message = `The log of step ${options.step.step} is larger than ${options.logLimitBytes} bytes; the build was stopped to protect the host.`;
      return { kind: 'refused', reason: 'ProcessFailed', message, fault: 'user' };
    });
  }

  static async open(options: StepRunnerOptions): Promise<StepRunner> {
    const log = await open(options.directory.logFile(options.step), 'a', 0o600);
    return new StepRunner(options, log, await LogTimesWriter.open(options.directory.timesFile(options.step)));
  }

  /** Writes a line of our own into the step's log. */
  async say(text: string): Promise<void> {
    await this.#log.write(`${text}\n`).catch(() => undefined);
  }

  /** Runs one command to its end; `undefined` fields when it could not be started. */
  async run(command: Command, quietly = false): Promise<CommandExit> {
    if (!quietly) await this.say(showCommand(command));
    const output = command.outputFile === undefined ? undefined : await open(command.outputFile, 'w', 0o600);
    try {
      const child = execa(command.file, command.args, {
        cwd: command.cwd,
        env: { ...this.#options.environment, ...command.environment },
        extendEnv: false,
        detached: true,
        cleanup: false,
        buffer: false,
        reject: false,
        stdin: 'ignore',
        stdout: descriptorOf(output ?? this.#log),
        stderr: descriptorOf(this.#log),
      });
      if (child.pid !== undefined) {
        const { pid } = child;
        const leader = (await identifyProcess(pid)) ?? { pid, start: 'ended', bootId: await readBootId() };
        this.#leaders.push(leader);
        await lowerOutOfMemoryRank(pid);
        await this.#options.onLeader(leader);
      }
      const ended = child.then((result) => ({ exitCode: result.exitCode, signal: result.signal, error: result.code }));
      await Promise.race([ended, aborted(this.#options.guard.signal)]);
      if (await this.endProcesses(this.#options.guard.signal.aborted ? this.#options.stopGraceMs : 0)) {
        this.#leaders = [];
        this.#options.onLeadersOver();
      }
      const result = await ended;
      if (child.pid === undefined)
        await this.say(`${command.file} could not be started: ${result.error ?? 'unknown error'}`);
      return { exitCode: result.exitCode, signal: result.signal };
    } finally {
      await output?.close();
    }
  }

  /** True when the disk had no room at some moment of the step: then its failure is not the user's. */
  async diskWasFull(): Promise<boolean> {
    await this.#lookAtDisk();
    return this.#diskWasFull;
  }

  /** Ends whatever the step has left running. */
  async endProcesses(graceMs: number): Promise<boolean> {
    const mark: RunMark = { ...this.#options.mark, leaders: this.#leaders };
    return await endRunProcesses(mark, { graceMs, giveUpMs: GIVE_UP_MS, wait: (ms) => delay(ms) });
  }

  async #lookAtDisk(): Promise<void> {
    const { bavail, bsize, files, ffree } = await statfs(this.#options.directory.path);
    if (bavail * bsize < FULL_BYTES || (files > 0 && ffree === 0)) this.#diskWasFull = true;
  }

  async close(): Promise<void> {
    this.#removeCheck();
    await this.#times.note((await this.#log.stat()).size, wallTime());
    await this.#times.close();
    await this.#log.close();
  }
}

/** execa hands any descriptor to node; its types name the small ones only. */
function descriptorOf(file: FileHandle): 3 {
  return file.fd as 3;
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** When the host runs out of memory, builds go before whoever supervises them. Linux only; a wish, not a must. */
async function lowerOutOfMemoryRank(pid: number): Promise<void> {
  if (process.platform !== 'linux') return;
  await writeFile(`/proc/${pid}/oom_score_adj`, '500').catch(() => undefined);
}
