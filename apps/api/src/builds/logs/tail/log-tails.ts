import { Inject, Injectable } from '@nestjs/common';
import { Logger, Metrics } from '@image-factory/telemetry';
import { API_SETTINGS, type ApiSettings } from '../../../config/api-settings.js';
import { ChangeFeed } from '../../../stream/change-feed.js';
import type { LogPosition } from '../log-position.js';
import { LogFrames, type LogSubject } from './log-frames.js';
import { idOf, LogTail } from './log-tail.js';

/** The safety net under lost notifications. */
const POLL_MS = 2_000;

/** A follower's place at a tail. Whoever sits down leaves. */
export interface TailSeat {
  readonly tail: LogTail;
  readonly place: number;
}

/**
 * The tails of the process: one for each log that somebody follows at its end, whoever they are. What follows a position
 * is the same for everybody, so a follower joins a tail that knows its position, and one that stands where no tail does
 * (alone at the end, or with a cursor of its own making) begins one. Tails that come to the same place become one.
 *
 * Memory: each tail keeps its newest frames, all together at most `tailBytes`.
 */
@Injectable()
export class LogTails {
  private readonly tails = new Map<string, LogTail[]>();
  private count = 0;

  constructor(
    @Inject(LogFrames) private readonly frames: Pick<LogFrames, 'read'>,
    @Inject(ChangeFeed) private readonly feed: Pick<ChangeFeed, 'subscribe'>,
    @Inject(Logger) private readonly logger: Logger,
    @Inject(Metrics) metrics: Metrics,
    @Inject(API_SETTINGS) private readonly settings: Pick<ApiSettings, 'streams'>,
  ) {
    metrics.observe('logTails', () => this.count);
    metrics.observe('logTailBytes', () => this.heldBytes());
  }

  /** Tails that are open. */
  get size(): number {
    return this.count;
  }

  /** For a follower that has told everything that was stored when it looked, up to `position`. */
  async join(subject: LogSubject, position: LogPosition | undefined): Promise<TailSeat> {
    const id = idOf(position);
    const known = this.find(subject, id);
    if (known !== undefined) return known;
    // It may be ahead of a tail that has not looked yet.
    await Promise.all(this.of(subject).map((tail) => tail.refresh()));
    return this.find(subject, id) ?? this.begin(subject, position);
  }

  private find(subject: LogSubject, id: string): TailSeat | undefined {
    for (const tail of this.of(subject)) {
      const place = tail.placeBehind(id);
      if (place === undefined) continue;
      tail.enter();
      return { tail, place };
    }
    return undefined;
  }

  private begin(subject: LogSubject, position: LogPosition | undefined): TailSeat {
    const subscription = this.feed.subscribe([subject.buildId]);
    const tail = new LogTail(subject, position, {
      read: (from, watch) => this.frames.read(subject, from, watch),
      subscription,
      logger: this.logger,
      pollMs: POLL_MS,
      ringBytes: () => this.ringBytes(),
      onChange: (changed) => this.settle(changed),
    });
    this.tails.set(keyOf(subject), [...this.of(subject), tail]);
    this.count += 1;
    tail.enter();
    return { tail, place: 0 };
  }

  /** A tail that is over is forgotten; of two at the same place the older one stays. */
  private settle(changed: LogTail): void {
    const all = this.of(changed.subject);
    if (changed.isOver) {
      const rest = all.filter((tail) => tail !== changed);
      this.count -= all.length - rest.length;
      if (rest.length === 0) this.tails.delete(keyOf(changed.subject));
      else this.tails.set(keyOf(changed.subject), rest);
      return;
    }
    const younger = all.find((tail, index) => all.slice(0, index).some((older) => meet(older, tail)));
    younger?.stop();
  }

  private of(subject: LogSubject): LogTail[] {
    return this.tails.get(keyOf(subject)) ?? [];
  }

  private ringBytes(): number {
    const { tailBytes, oneTailBytes } = this.settings.streams;
    return Math.min(oneTailBytes, tailBytes / Math.max(1, this.count));
  }

  private heldBytes(): number {
    return [...this.tails.values()].flat().reduce((sum, tail) => sum + tail.heldBytes, 0);
  }
}

function meet(one: LogTail, other: LogTail): boolean {
  return one.placeBehind(other.headId) !== undefined || other.placeBehind(one.headId) !== undefined;
}

function keyOf({ tenantId, buildId }: LogSubject): string {
  return `${tenantId}/${buildId}`;
}
