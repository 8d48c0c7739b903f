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
 * also polls. `all` and the empty payload after a reconnect wake everybody.
 */
@Injectable()
export class ChangeFeed {
  private readonly subscriptions = new Set<Subscription>();
  private connection: { close(): Promise<void> } | undefined;

  constructor(@Inject(Database) private readonly database: Database) {}

  async start(): Promise<void> {
    this.connection = await this.database.listen(
      [CHANNELS.logs, CHANNELS.events, CHANNELS.executions],
      (_channel, payload) => this.dispatch(payload),
    );
  }

  subscribe(keys: readonly string[]): ChangeSubscription {
    const subscription = new Subscription(new Set(keys), () => this.subscriptions.delete(subscription));
    this.subscriptions.add(subscription);
    return subscription;
  }

  async close(): Promise<void> {
    await this.connection?.close();
    this.connection = undefined;
  }

  private dispatch(payload: string): void {
    const keys = payload === '' || payload === 'all' ? undefined : payload.split(',');
    for (const subscription of this.subscriptions) {
      if (keys === undefined || keys.some((key) => subscription.keys.has(key))) subscription.notify();
    }
  }
}

/** States: *idle*, *dirty* (a change came while nobody waited), *waiting* (somebody awaits `changed`). */
class Subscription implements ChangeSubscription {
  private dirty = false;
  private wake: (() => void) | undefined;

  constructor(
    readonly keys: Set<string>,
    readonly close: () => void,
  ) {}

  watch(key: string): void {
    this.keys.add(key);
  }

  notify(): void {
    this.dirty = true;
    this.wake?.();
  }

  async changed(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (!this.dirty && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        const done = (): void => {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          resolve();
        };
        this.wake = done;
        signal.addEventListener('abort', done, { once: true });
      });
      this.wake = undefined;
    }
    this.dirty = false;
  }
}
