import { isDomainError } from '@image-factory/domain';
import type { Logger } from '@image-factory/telemetry';
import type { ChangeSubscription } from '../../../stream/change-feed.js';
import { formatPosition, type LogPosition } from '../log-position.js';
import { type FrameBatch, FrameRing } from './frame-ring.js';
import type { LogEnd, LogFrame, LogSubject } from './log-frames.js';

/** Frames are shown to followers at the end of a pass, and within one after so many characters. */
const SHOW_EVERY = 32 * 1024;

/** The id of the place before the first byte. */
export const BEGINNING = '';

export function idOf(position: LogPosition | undefined): string {
  return position === undefined ? BEGINNING : formatPosition(position);
}

export interface LogTailParts {
  readonly read: (
    from: LogPosition | undefined,
    watch: (key: string) => void,
  ) => AsyncGenerator<LogFrame, LogEnd | undefined>;
  readonly subscription: ChangeSubscription;
  readonly logger: Logger;
  /** The safety net under lost notifications, in milliseconds. */
  readonly pollMs: number;
  /** Memory that its frames may take now. */
  readonly ringBytes: () => number;
  /** It has told something, or is over. */
  readonly onChange: (tail: LogTail) => void;
}

/** What a follower gets next: frames, or why there are none. */
export type TailAnswer =
  | { readonly kind: 'frames'; readonly batch: FrameBatch }
  | { readonly kind: 'none' }
  /** Read on alone, then come back: the frames are gone from memory… */
  | { readonly kind: 'behind' }
  /** …or the tail is. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'end'; readonly end: LogEnd };

/**
 * The one reader of a log for all who stand at its end. It reads what was added behind its own position, keeps the
 * newest frames, and wakes its followers; it never waits for one, and one that is slower than the log finds its frames
 * gone and reads on alone.
 *
 * States: *following* (reads at each change, and every `pollMs`; a database that is away is waited for, and nothing is
 * told twice, because a pass begins behind the last frame that was kept), *over* (entered when the log has ended, when
 * it cannot be read, when an older tail has come to the same place, or when nobody follows; never left).
 */
export class LogTail {
  private readonly ring: FrameRing;
  private readonly waiting = new Set<() => void>();
  private readonly stopping = new AbortController();
  private position: LogPosition | undefined;
  private end: LogEnd | undefined;
  private failure: Error | undefined;
  private followers = 0;
  private pass: Promise<void> = Promise.resolve();
  private nextPass: Promise<void> | undefined;
  private isWarned = false;

  constructor(
    readonly subject: LogSubject,
    from: LogPosition | undefined,
    private readonly parts: LogTailParts,
  ) {
    this.position = from;
    this.ring = new FrameRing(idOf(from), parts.ringBytes);
    void this.run();
  }

  get isOver(): boolean {
    return this.stopping.signal.aborted;
  }

  get headId(): string {
    return this.ring.headId;
  }

  get heldBytes(): number {
    return this.ring.heldBytes;
  }

  get followerCount(): number {
    return this.followers;
  }

  placeBehind(id: string): number | undefined {
    return this.ring.placeBehind(id);
  }

  /** Each `enter` is followed by one `leave`; the last one stops the tail. */
  enter(): void {
    this.followers += 1;
  }

  leave(): void {
    this.followers -= 1;
    if (this.followers === 0) this.stop();
  }

  /** Followers read on alone and find another tail. */
  stop(): void {
    if (this.isOver) return;
    this.stopping.abort();
    this.parts.subscription.close();
    this.parts.onChange(this);
    this.wake();
  }

  /** @throws what made the log unreadable */
  next(place: number): TailAnswer {
    const batch = this.ring.from(place);
    if (batch === 'behind') return { kind: 'behind' };
    if (batch !== 'none') return { kind: 'frames', batch };
    if (this.end !== undefined) return { kind: 'end', end: this.end };
    if (this.failure !== undefined) throw this.failure;
    return { kind: this.isOver ? 'gone' : 'none' };
  }

  /** Resolves when `next` may answer otherwise, or when aborted. */
  async changed(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.waiting.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  /** Resolves when a pass that began after this call is over: what was stored before the call has been told. */
  refresh(): Promise<void> {
    this.nextPass ??= this.pass.then(() => {
      this.nextPass = undefined;
      this.pass = this.readOn();
      return this.pass;
    });
    return this.nextPass;
  }

  private async run(): Promise<void> {
    while (!this.isOver) {
      await this.refresh();
      if (!this.isOver) await this.parts.subscription.changed(this.parts.pollMs, this.stopping.signal);
    }
  }

  private async readOn(): Promise<void> {
    if (this.isOver) return;
    try {
      const end = await this.readFrames();
      this.isWarned = false;
      if (end !== undefined) {
        this.end = end;
        this.stop();
      }
    } catch (error) {
      this.fail(error);
    }
    this.parts.onChange(this);
    this.wake();
  }

  private async readFrames(): Promise<LogEnd | undefined> {
    const frames = this.parts.read(this.position, (executionId) => this.parts.subscription.watch(executionId));
    let unshown = 0;
    for (;;) {
      const { done, value } = await frames.next();
      if (done === true) return value;
      if (this.isOver) return undefined;
      this.ring.push(value);
      this.position = value.position;
      unshown += value.text.length;
      if (unshown < SHOW_EVERY) continue;
      unshown = 0;
      this.wake();
      // Followers that keep up get their turn before their frames are pushed out of the ring.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  private fail(error: unknown): void {
    if (isDomainError(error) && error.kind === 'Unavailable') {
      if (!this.isWarned) this.parts.logger.warn('a log that is followed cannot be read now; tried again', { error });
      this.isWarned = true;
      return;
    }
    this.failure = error instanceof Error ? error : new Error(String(error));
    this.stop();
  }

  private wake(): void {
    for (const done of [...this.waiting]) done();
  }
}
