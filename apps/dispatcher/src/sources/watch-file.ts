import { type FSWatcher, watch } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '@image-factory/domain';

/** A burst of events (an editor's rename and write, a ConfigMap's swap) is one change. */
const SETTLE_MS = 250;

/**
 * Calls `onChange` soon after anything changes in the file's directory: the file itself, or the `..data` link through
 * which Kubernetes swaps a ConfigMap. A hint only: what cannot be watched is seen by the next poll.
 */
export class FileWatch {
  readonly #stop = new AbortController();
  #watcher: FSWatcher | undefined;
  #pending = false;

  constructor(
    private readonly path: string,
    private readonly clock: Clock,
    private readonly onChange: () => void,
  ) {}

  /** Idempotent; called again by each poll, it takes up a directory that has come back. */
  ensure(): void {
    if (this.#watcher !== undefined || this.#stop.signal.aborted) return;
    try {
      const watcher = watch(dirname(this.path), { persistent: false }, () => this.#changed());
      watcher.on('error', () => this.#forget(watcher));
      this.#watcher = watcher;
    } catch {
      // The directory is not there now.
    }
  }

  close(): void {
    this.#stop.abort();
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #changed(): void {
    if (this.#pending) return;
    this.#pending = true;
    this.clock.sleep(SETTLE_MS, this.#stop.signal).then(
      () => {
        this.#pending = false;
        this.onChange();
      },
      () => undefined,
    );
  }

  #forget(watcher: FSWatcher): void {
    watcher.close();
    if (this.#watcher === watcher) this.#watcher = undefined;
  }
}
