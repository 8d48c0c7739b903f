import { fork, type ChildProcess } from 'node:child_process';

/** A process of this benchmark: it says one thing when it is ready, and answers each question with one message. */
export class ConnectChild {
  readonly #process: ChildProcess;

  private constructor(file: string, args: readonly string[]) {
    this.#process = fork(new URL(file, import.meta.url), args, { execArgv: ['--expose-gc'] });
    process.once('exit', () => this.stop());
  }

  static async start<T>(file: string, args: readonly string[] = []): Promise<{ child: ConnectChild; ready: T }> {
    const child = new ConnectChild(file, args);
    return { child, ready: await child.#next<T>() };
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  async ask<T>(): Promise<T> {
    const answer = this.#next<T>();
    this.#process.send({});
    return answer;
  }

  stop(): void {
    this.#process.kill('SIGKILL');
  }

  #next<T>(): Promise<T> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => reject(new Error(`a process ended with ${code}`));
      this.#process.once('exit', onExit);
      this.#process.once('message', (message) => {
        this.#process.off('exit', onExit);
        resolve(message as T);
      });
    });
  }
}
