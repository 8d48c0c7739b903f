import { type ChildProcess, fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ChaosDispatcherConfig } from './chaos-dispatcher-config.ts';
import type { ChaosOrder, ChaosReport, Crossing, CrossingAction } from './crossing.ts';

const ENTRY = fileURLToPath(new URL('./chaos-dispatcher.ts', import.meta.url));
/** Processes start again and again: what the first has compiled the others read. */
const COMPILED = fileURLToPath(new URL('../../../.image-factory/chaos/compiled/', import.meta.url));
const KEPT_LINES = 400;

/** A line of the dispatcher's own log. */
export interface LoggedLine {
  readonly level: string;
  readonly message: string;
  readonly text: string;
}

/** One dispatcher process, as the suite sees it from outside. */
export class DispatcherProcess {
  readonly name: string;
  /** Its last lines, oldest first. */
  readonly lines: LoggedLine[] = [];
  /** Lines of level error, all of them. */
  readonly errors: LoggedLine[] = [];
  readonly exited: Promise<void>;
  /** It has started, or it is dead. */
  readonly working: Promise<void>;
  readonly #child: ChildProcess;
  readonly #onCut = new Set<() => void>();
  /** It dies because the suite wants it to. */
  #expected = false;

  constructor(config: ChaosDispatcherConfig) {
    this.name = config.name;
    const url = new URL(config.databaseUrl);
    // What the triggers of the suite know the process by.
    url.searchParams.set('options', `-c chaos.process=${config.name}`);
    this.#child = fork(ENTRY, [JSON.stringify({ ...config, databaseUrl: url.href })], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execArgv: ['--disable-warning=ExperimentalWarning'],
      env: { ...process.env, NODE_COMPILE_CACHE: COMPILED },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', (line) => this.#take(line));
    }
    this.exited = new Promise((resolve) => this.#child.once('exit', () => resolve()));
    const started = new Promise<void>((resolve) =>
      this.#child.on('message', (message: ChaosReport) => {
        if (message.kind === 'cut') for (const listener of [...this.#onCut]) listener();
        if (message.kind === 'working') resolve();
      }),
    );
    this.working = Promise.race([started, this.exited]);
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** How it ended when nobody of the suite wanted it to; undefined while it lives or when it was told to. */
  get unexpectedEnd(): string | undefined {
    if (this.alive || this.#expected) return undefined;
    return `it ended by itself (code ${this.#child.exitCode}, signal ${this.#child.signalCode}): ${this.lines
      .slice(-3)
      .map((line) => line.text)
      .join(' / ')}`;
  }

  /** Resolves true when it struck: the process is dead, or the connection is cut. */
  async strikeAt(crossing: Crossing, action: CrossingAction, nth: number, withinMs: number): Promise<boolean> {
    let cutSeen: (() => void) | undefined;
    const cut = new Promise<void>((resolve) => this.#onCut.add((cutSeen = resolve)));
    this.#expected = true;
    this.#order({ kind: 'arm', crossing, action, nth });
    const struck = await within(withinMs, Promise.race([this.exited, cut]));
    if (cutSeen !== undefined) this.#onCut.delete(cutSeen);
    if (this.alive) this.#order({ kind: 'disarm' });
    // It may have struck between the limit and the word that takes it back.
    const late = struck || (await within(100, this.exited));
    if (this.alive) this.#expected = false;
    return late;
  }

  shiftClock(ms: number): void {
    this.#order({ kind: 'shiftClock', ms });
  }

  async census(): Promise<Readonly<Record<string, number>>> {
    const answer = new Promise<Readonly<Record<string, number>>>((resolve) => {
      this.#child.on('message', (message: ChaosReport) => {
        if (message.kind === 'census') resolve(message.crossed);
      });
    });
    this.#order({ kind: 'census' });
    return answer;
  }

  async kill(): Promise<void> {
    this.#expected = true;
    if (this.alive) this.#child.kill('SIGKILL');
    await this.exited;
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal);
  }

  /** Asks it to stop; false when it has not within the time, or not well. */
  async terminate(withinMs: number): Promise<boolean> {
    this.#expected = true;
    this.#child.kill('SIGTERM');
    const ended = await within(withinMs, this.exited);
    if (!ended) await this.kill();
    return ended && this.#child.exitCode === 0;
  }

  #order(order: ChaosOrder): void {
    if (this.alive && this.#child.connected) this.#child.send(order, () => undefined);
  }

  #take(text: string): void {
    const line = parse(text);
    this.lines.push(line);
    if (this.lines.length > KEPT_LINES) this.lines.shift();
    if (line.level === 'error') this.errors.push(line);
  }
}

function parse(text: string): LoggedLine {
  try {
    const { level, message } = JSON.parse(text) as { level?: string; message?: string };
    return { level: level ?? '', message: message ?? '', text };
  } catch {
    return { level: 'raw', message: text, text };
  }
}

async function within(ms: number, work: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const done = await Promise.race([work.then(() => true), late]);
  clearTimeout(timer);
  return done;
}
