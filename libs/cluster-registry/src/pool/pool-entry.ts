import type { ClusterConnection } from '@image-factory/cluster-connectors';

/**
 * One pooled connection. Modes: `current` (given to new callers); `draining` (replaced, evicted or shut down: nobody new
 * gets it; it closes when its last user has left). It is never closed under a user, except by the pool's own close.
 */
export class PoolEntry {
  #inUse = 0;
  #draining = false;
  #closing: Promise<void> | undefined;
  idleSinceMs: number;
  checkedAtMs: number;
  /** Holders have been told that this generation is over. */
  told = false;
  /** The cluster does not know its credential: a connection that opens it anew may be known. */
  refused = false;

  constructor(
    readonly providerId: string,
    readonly generation: number,
    readonly connection: ClusterConnection,
    private readonly nowMs: () => number,
  ) {
    this.idleSinceMs = nowMs();
    this.checkedAtMs = nowMs();
  }

  get inUse(): number {
    return this.#inUse;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Counts a user; returns how he leaves. Leaving twice counts once. */
  use(): () => void {
    this.#inUse += 1;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#inUse -= 1;
      this.idleSinceMs = this.nowMs();
      if (this.#draining && this.#inUse === 0) void this.close();
    };
  }

  drain(): void {
    this.#draining = true;
    if (this.#inUse === 0) void this.close();
  }

  close(): Promise<void> {
    this.#draining = true;
    this.#closing ??= this.connection.close();
    return this.#closing;
  }
}
