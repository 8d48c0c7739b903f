import { Inject, Injectable } from '@nestjs/common';
import { CHANNELS, Database } from '@image-factory/persistence';

/** Hints that something about some keys has changed. */
export interface ChangeSubscription {
  /** Adds a key (a build's or an execution's id) to those that are watched. */
  watch(key: string): void;
  /** Resolves at the next change (or at once when one came since the last call), after `timeoutMs`, or when aborted. */
  changed(timeoutMs: number, signal: AbortSignal): Promise<void>;
  close(): void;
}

/**
 * One LISTEN connection for all streams of the process. Notifications are hints: they may be lost, so whoever waits
 * also polls. `all` and the empty payload after a reconnect wake everybody; other payloads cost what they name, however
 * many wait for something else.
 */
@Injectable()
export class ChangeFeed {
  private readonly subscriptions = new Set<Subscription>();
  private readonly byKey = new Map<string, Set<Subscription>>();
  private connection: { close(): Promise<void> } | undefined;

  constructor(@Inject(Database) private readonly database: Database) {}

  async start(): Promise<void> {
    this.connection = await this.database.listen(
      [CHANNELS.logs, CHANNELS.events, CHANNELS.executions],
      (_channel, payload) => this.dispatch(payload),
    );
  }

  subscribe(keys: readonly string[]): ChangeSubscription {
    const subscription = new Subscription(this.byKey, () => this.subscriptions.delete(subscription));
    this.subscriptions.add(subscription);
    for (const key of keys) subscription.watch(key);
    return subscription;
  }

  async close(): Promise<void> {
    await this.connection?.close();
    this.connection = undefined;
  }

  private dispatch(payload: string): void {
    const woken =
      payload === '' || payload === 'all'
        ? this.subscriptions
        : new Set(payload.split(',').flatMap((key) => [...(this.byKey.get(key) ?? [])]));
    for (const subscription of woken) subscription.notify();
  }
}

/** States: *idle*, *dirty* (a change came while nobody waited), *waiting* (somebody awaits `changed`). */
class Subscription implements ChangeSubscription {
  private readonly keys = new Set<string>();
  private closed = false;
  private dirty = false;
  private wake: (() => void) | undefined;

  constructor(
    private readonly byKey: Map<string, Set<Subscription>>,
    private readonly onClose: () => void,
  ) {}

  watch(key: string): void {
    if (this.closed || this.keys.has(key)) return;
    this.keys.add(key);
    const sharers = this.byKey.get(key) ?? new Set();
    this.byKey.set(key, sharers.add(this));
  }

  notify(): void {
    this.dirty = true;
    this.wake?.();
  }

  close(): void {
    this.closed = true;
    this.onClose();
    for (const key of this.keys) {
      const sharers = this.byKey.get(key);
      sharers?.delete(this);
      if (sharers?.size === 0) this.byKey.delete(key);
    }
    this.keys.clear();
  }

  async changed(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (!this.dirty && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          resolve();
        };
        const timer = setTimeout(done, timeoutMs);
        this.wake = done;
        signal.addEventListener('abort', done, { once: true });
      });
      this.wake = undefined;
    }
    this.dirty = false;
  }
}
