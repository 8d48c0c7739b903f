import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { Failure } from './failure.ts';

const KEPT_LINES = 20;
const POLL_MS = 50;

export interface ChildOptions {
  /** Shown before each of its lines, as in `api`. */
  readonly name: string;
  /** Absolute path of its JavaScript. */
  readonly entry: string;
  readonly cwd: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Where its lines go: standard output with a prefix, or a file. */
  readonly logFile: string | undefined;
}

/** One of our processes. It has a process group of its own: Ctrl-C reaches it only through `stop`. */
export class Child {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #lastLines: string[] = [];
  readonly #logFile: string | undefined;
  readonly #ended: Promise<number>;
  #isStopping = false;

  constructor(options: ChildOptions) {
    this.name = options.name;
    this.#logFile = options.logFile;
    this.#process = spawn(process.execPath, [options.entry], {
      cwd: options.cwd,
      env: options.environment,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#ended = new Promise((resolve) => {
      this.#process.once('exit', (code) => resolve(code ?? 1));
      this.#process.once('error', () => resolve(1));
    });
    this.#forwardLines();
  }

  /** True once `stop` was called: an end is then expected. */
  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** Resolves with the exit code when it has ended. */
  get ended(): Promise<number> {
    return this.#ended;
  }

  /** What it said last, for a failure's message. */
  describeEnd(code: number): Failure {
    const where = this.#logFile === undefined ? '' : ` Its log is ${this.#logFile}.`;
    return new Failure(
      `${this.name} ended with code ${code}. Its last lines:\n${this.#lastLines.join('\n')}`,
      `Correct what it says and start again.${where}`,
    );
  }

  /** Polls an address until it answers 2xx; throws when the process ends first. */
  async waitUntilReady(url: string, timeoutMs: number): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    let endCode: number | undefined;
    void this.#ended.then((code) => (endCode = code));
    for (;;) {
      if (endCode !== undefined) throw this.describeEnd(endCode);
      const answer = await fetch(url, { signal: AbortSignal.timeout(2000) }).catch(() => undefined);
      if (answer?.ok) return;
      if (performance.now() > deadlineMs) {
        const said = answer === undefined ? 'no answer' : `${answer.status} ${(await answer.text()).slice(0, 300)}`;
        throw new Failure(
          `${this.name} was not ready within ${timeoutMs / 1000} s (${url}: ${said}).`,
          'Read its log.',
        );
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** SIGTERM, and SIGKILL when it has not ended in time. */
  async stop(timeoutMs: number): Promise<void> {
    this.#isStopping = true;
    this.#process.kill('SIGTERM');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), timeoutMs);
    await this.#ended;
    clearTimeout(timer);
  }

  #forwardLines(): void {
    if (this.#logFile !== undefined) mkdirSync(dirname(this.#logFile), { recursive: true });
    const file = this.#logFile === undefined ? undefined : createWriteStream(this.#logFile, { mode: 0o600 });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        this.#lastLines.push(line);
        if (this.#lastLines.length > KEPT_LINES) this.#lastLines.shift();
        if (file === undefined) process.stdout.write(`${this.name.padEnd(10)} | ${line}\n`);
        else file.write(`${line}\n`);
      });
    }
  }
}
