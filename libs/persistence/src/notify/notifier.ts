import type { Database } from '../database/database.js';

/** Notification channels. A payload is a comma list of keys, or `all`; '' after a reconnect means `all` too. */
export const CHANNELS = {
  /** Key: tenant id. Something in its lane became claimable. */
  queue: 'if_queue',
  /** Key: execution id. It was placed, or asked to stop. */
  executions: 'if_executions',
  /** Key: execution id. Bytes were added to its log, or a step of it ended. */
  logs: 'if_logs',
  /** Key: build id. Its timeline grew. */
  events: 'if_events',
} as const;
export type Channel = (typeof CHANNELS)[keyof typeof CHANNELS];

export interface NotifierOptions {
  /** Time that a notification makes up for, in milliseconds; default 100. */
  readonly debounceMs?: number;
}

/** PostgreSQL refuses payloads of 8000 bytes or more. */
const MAX_PAYLOAD_BYTES = 7_900;
/** More keys than this (of 16 bytes or more) make no payload. */
const MAX_KEYS = 500;
const ALL = 'all';

/** Channels on which somebody idle waits for work; the others only refresh what somebody looks at. */
const WAKING: ReadonlySet<Channel> = new Set([CHANNELS.queue, CHANNELS.executions]);

/** Wake-ups that may be sent at once after a quiet time, before they too wait for each other. */
const WAKE_BURST = 30;

/**
 * Debounced NOTIFY outside of hot transactions: a NOTIFY in every write serialises all commits (queue.md §5).
 *
 * Two budgets. A wake-up is sent at once while there were few within the last seconds, so that no enqueue into
 * an idle system waits, whatever was sent before it; in a storm there is one each `debounceMs`. Views wait until
 * `debounceMs` after whatever was sent last. Everything that is pending goes along with whatever is due, so that both
 * together cost ten notifications a second in the long run.
 *
 * Memory is bounded: one batch is under way, what is touched meanwhile waits in one more, and a channel with more keys
 * than a payload holds waits as `all`.
 *
 * Notifications are hints: a failure to send is dropped, whoever listens also polls.
 */
export class Notifier {
  readonly #pending = new Map<Channel, Set<string>>();
  readonly #debounceMs: number;
  #timer: NodeJS.Timeout | undefined;
  #dueAtMs = Number.POSITIVE_INFINITY;
  #sending: Promise<void> = Promise.resolve();
  /** The next batch, while the one before it is under way. */
  #next: Promise<void> | undefined;
  #sentAtMs = Number.NEGATIVE_INFINITY;
  /** When every wake-up that was sent is paid for, at one each `debounceMs`. */
  #paidAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly database: Database,
    options: NotifierOptions = {},
  ) {
    this.#debounceMs = options.debounceMs ?? 100;
  }

  /** Call after the commit. */
  touch(channel: Channel, key: string): void {
    const keys = this.#pending.get(channel) ?? new Set<string>();
    remember(keys, key);
    this.#pending.set(channel, keys);
    if (this.#next !== undefined) return;
    const dueAtMs = WAKING.has(channel)
      ? this.#paidAtMs - (WAKE_BURST - 1) * this.#debounceMs
      : this.#sentAtMs + this.#debounceMs;
    if (this.#timer !== undefined && this.#dueAtMs <= dueAtMs) return;
    clearTimeout(this.#timer);
    this.#dueAtMs = dueAtMs;
    this.#timer = setTimeout(() => void this.flush(), Math.max(0, dueAtMs - performance.now()));
  }

  /** Sends what is pending now. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pending.size > 0) {
      this.#next ??= this.#sending.then(() => this.#sendPending());
    }
    await (this.#next ?? this.#sending);
  }

  async close(): Promise<void> {
    await this.flush();
  }

  #sendPending(): Promise<void> {
    this.#next = undefined;
    const batch = [...this.#pending];
    this.#pending.clear();
    this.#sentAtMs = performance.now();
    if (batch.some(([channel]) => WAKING.has(channel)))
      this.#paidAtMs = Math.max(this.#paidAtMs, this.#sentAtMs) + this.#debounceMs;
    this.#sending = this.#send(batch);
    return this.#sending;
  }

  async #send(batch: [Channel, Set<string>][]): Promise<void> {
    try {
      await this.database.query('SELECT pg_notify(c, p) FROM unnest($1::text[], $2::text[]) AS n (c, p)', [
        batch.map(([channel]) => channel),
        batch.map(([, keys]) => payloadOf(keys)),
      ]);
    } catch {
      // A hint that could not be given; the poll finds the work.
    }
  }
}

function remember(keys: Set<string>, key: string): void {
  if (keys.has(ALL)) return;
  const full = keys.size >= MAX_KEYS;
  if (full) keys.clear();
  keys.add(full ? ALL : key);
}

function payloadOf(keys: ReadonlySet<string>): string {
  const payload = [...keys].join(',');
  return Buffer.byteLength(payload) > MAX_PAYLOAD_BYTES ? ALL : payload;
}
