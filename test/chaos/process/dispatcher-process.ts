import { type ChildProcess, fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ChaosDispatcherConfig } from './chaos-dispatcher-config.ts';
import { type ArmedPoint, type ChaosOrder, type ChaosReport, STRUCK, type Struck, STUCK } from './crossing.ts';

/** Where `bundle-dispatcher.ts` puts the process's entry. */
export const BUNDLED_DISPATCHER = fileURLToPath(
  new URL('../../../.image-factory/chaos/bundle/chaos-dispatcher.mjs', import.meta.url),
);
/** Processes start again and again: what the first has compiled the others read. */
const COMPILED = fileURLToPath(new URL('../../../.image-factory/chaos/compiled/', import.meta.url));
const KEPT_LINES = 400;
const HEARS_WITHIN_MS = 60_000;

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
  /** It dies because the suite wants it to. */
  #expected = false;
  #onStruck: (struck: Struck) => void = () => undefined;

  constructor(config: ChaosDispatcherConfig) {
    this.name = config.name;
    const url = new URL(config.databaseUrl);
    // What the triggers of the suite know the process by.
    url.searchParams.set('options', `-c chaos.process=${config.name}`);
    this.#child = fork(BUNDLED_DISPATCHER, [JSON.stringify({ ...config, databaseUrl: url.href })], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execArgv: ['--disable-warning=ExperimentalWarning'],
      env: { ...process.env, NODE_COMPILE_CACHE: COMPILED },
    });
    // A point that is missed leaves its listener behind.
    this.#child.setMaxListeners(0);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', (line) => this.#take(line));
    }
    // Not before its last line is read.
    this.exited = new Promise((resolve) => this.#child.once('close', () => resolve()));
    const started = new Promise<void>((resolve) =>
      this.#child.on('message', (message: ChaosReport) => {
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

  /**
   * Arms points, of which the first that is crossed strikes: the process is dead or frozen, or the connection is cut.
   * @returns its place among them; undefined when none was crossed in time
   */
  async strikeAt(points: readonly ArmedPoint[], withinMs: number): Promise<number | undefined> {
    let struck: Struck | undefined;
    const strikes = new Promise<Struck>((resolve) => (this.#onStruck = resolve));
    const over = Promise.race([this.exited, strikes.then((said) => (struck = said))]);
    this.#expected = true;
    this.#order({ kind: 'arm', points });
    if (!(await within(withinMs, over)) && this.alive) {
      // It may strike until it has heard the word that takes it back: a process that is busy hears it late.
      const disarmed = this.#reported('disarmed');
      this.#order({ kind: 'disarm' });
      await within(HEARS_WITHIN_MS, Promise.race([over, disarmed]));
    }
    if (struck !== undefined && points[struck.index]?.action === 'kill') await this.exited;
    else this.#expected = false;
    return struck?.index;
  }

  shiftClock(ms: number): void {
    this.#order({ kind: 'shiftClock', ms });
  }

  async census(): Promise<Readonly<Record<string, number>>> {
    const answer = this.#reported('census');
    this.#order({ kind: 'census' });
    return (await answer).crossed;
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

  /** The next report of that kind. */
  #reported<K extends ChaosReport['kind']>(kind: K): Promise<Extract<ChaosReport, { kind: K }>> {
    return new Promise((resolve) => {
      const listen = (message: ChaosReport): void => {
        if (message.kind !== kind) return;
        this.#child.off('message', listen);
        resolve(message as Extract<ChaosReport, { kind: K }>);
      };
      this.#child.on('message', listen);
    });
  }

  /** What `stuck-worker.ts` has said of it, if anything: when its event loop stood still, and where. */
  get stuck(): readonly string[] {
    return this.lines.filter(({ text }) => text.startsWith(STUCK)).map(({ text }) => text);
  }

  #order(order: ChaosOrder): void {
    if (this.alive && this.#child.connected) this.#child.send(order, () => undefined);
  }

  #take(text: string): void {
    if (text.startsWith(STRUCK)) this.#onStruck(JSON.parse(text.slice(STRUCK.length)) as Struck);
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

async function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const done = await Promise.race([work.then(() => true), late]);
  clearTimeout(timer);
  return done;
}
