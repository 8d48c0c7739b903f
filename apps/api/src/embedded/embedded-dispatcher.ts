import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Logger } from '@image-factory/telemetry';

/** The dispatcher's entry, beside this app in the monorepo; started, never imported. */
const DISPATCHER_MAIN = fileURLToPath(new URL('../../../dispatcher/dist/main.js', import.meta.url));

const BACK_OFF_MS = { first: 1_000, most: 30_000 } as const;
/** Alive for so long, the next end counts as the first. */
const SETTLED_MS = 60_000;
const STOP_LIMIT_MS = 15_000;

export interface EmbeddedDispatcherOptions {
  readonly logger: Logger;
  /** Program and arguments; the dispatcher's entry under this Node when absent. */
  readonly command?: readonly [string, ...string[]];
  readonly backOffMs?: { readonly first: number; readonly most: number };
}

/**
 * One dispatcher as a supervised child process, for one-machine use.
 *
 * States: *stopped* (before `start`, after `stop`), *running* (a child lives), *waiting* (the child ended; a timer
 * starts the next one after a back-off that doubles from 1 to 30 s and begins anew when a child lived for a minute).
 * The child has this process's environment. It is told to stop by SIGTERM and killed after 15 s.
 */
export class EmbeddedDispatcher {
  private child: ChildProcess | undefined;
  private timer: NodeJS.Timeout | undefined;
  private stopped = true;
  private delayMs: number;

  constructor(private readonly options: EmbeddedDispatcherOptions) {
    this.delayMs = this.backOff.first;
  }

  start(): void {
    this.stopped = false;
    this.launch();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const killer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    await ended;
    clearTimeout(killer);
  }

  /** Process id of the child that lives; undefined while none does. */
  get pid(): number | undefined {
    return this.child?.exitCode === null && this.child.signalCode === null ? this.child.pid : undefined;
  }

  private get backOff(): { readonly first: number; readonly most: number } {
    return this.options.backOffMs ?? BACK_OFF_MS;
  }

  private launch(): void {
    const [program, ...args] = this.options.command ?? [process.execPath, DISPATCHER_MAIN];
    const startedMs = performance.now();
    const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    this.child = child;
    let over = false;
    const onEnd = (what: Record<string, unknown>): void => {
      if (over) return;
      over = true;
      if (performance.now() - startedMs > SETTLED_MS) this.delayMs = this.backOff.first;
      this.restart(what);
    };
    child.once('error', (error) => onEnd({ error }));
    child.once('exit', (code, signal) => onEnd({ code, signal }));
  }

  private restart(what: Record<string, unknown>): void {
    if (this.stopped) return;
    this.options.logger.warn('the embedded dispatcher ended; it is started again', { ...what, delayMs: this.delayMs });
    this.timer = setTimeout(() => this.launch(), this.delayMs);
    this.delayMs = Math.min(this.delayMs * 2, this.backOff.most);
  }
}
