import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { RoundResult } from './run-round.ts';

export interface RoundOrder {
  readonly seed: number;
  readonly points: number;
  /** Crossings whose fault's name has one of these in it; empty: all. */
  readonly only: readonly string[];
}

/** A process that runs rounds: what one strikes at, its PostgreSQL too, is not what another's builds run on. */
export class RoundWorker {
  readonly #child: ChildProcess = fork(new URL('./round-process.ts', import.meta.url), {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  readonly #ended = once(this.#child, 'exit').then(([code]) => `the process of the rounds ended (${code})`);

  /** @throws Error when the process ends before its round */
  async run(order: RoundOrder): Promise<RoundResult> {
    this.#child.send(order);
    const answer = await Promise.race([once(this.#child, 'message'), this.#ended]);
    if (typeof answer === 'string') throw new Error(`seed ${order.seed}: ${answer}`);
    return answer[0] as RoundResult;
  }

  async stop(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    await this.#ended;
  }
}
