import { fork, type ChildProcess } from 'node:child_process';

export type Order =
  | { readonly kind: 'events'; readonly perSecond: number; readonly forMs: number }
  | { readonly kind: 'usage'; readonly collect: boolean }
  | { readonly kind: 'watch' };

/** A process of a benchmark that answers over its channel. */
export class Child {
  readonly #process: ChildProcess;
  readonly #said: { kind: string }[] = [];
  readonly #waiting = new Map<string, { resolve(message: unknown): void; reject(error: Error): void }>();
  #failed: Error | undefined;

  constructor(file: string, args: readonly string[]) {
    this.#process = fork(new URL(file, import.meta.url), args, { execArgv: ['--expose-gc'] });
    process.once('exit', () => this.stop());
    this.#process.on('message', (message: { kind: string }) => {
      const waiting = this.#waiting.get(message.kind);
      if (waiting === undefined) this.#said.push(message);
      this.#waiting.delete(message.kind);
      waiting?.resolve(message);
    });
    this.#process.on('exit', (code) => {
      this.#failed = new Error(`${file} ended with ${code}`);
      for (const { reject } of this.#waiting.values()) reject(this.#failed);
    });
  }

  tell(order: Order): void {
    this.#process.send(order);
  }

  /** The next message of this kind. */
  async hear<T>(kind: string): Promise<T> {
    const index = this.#said.findIndex((message) => message.kind === kind);
    if (index >= 0) return this.#said.splice(index, 1)[0] as T;
    if (this.#failed !== undefined) throw this.#failed;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(kind, { resolve: resolve, reject });
    });
  }

  async ask<T>(order: Order, kind: string): Promise<T> {
    this.tell(order);
    return this.hear<T>(kind);
  }

  stop(): void {
    this.#process.kill('SIGKILL');
  }
}
