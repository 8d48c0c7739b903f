import { Inject, Injectable } from '@nestjs/common';
import { isDomainError } from '@image-factory/domain';
import { PostgresBuilds } from '@image-factory/persistence';
import { Metrics } from '@image-factory/telemetry';
import type { EventStream } from '../../../stream/event-stream.js';
import { type LogPosition, parsePosition } from '../log-position.js';
import { type LogEnd, type LogFrame, LogFrames, type LogSubject } from './log-frames.js';
import { LogTails } from './log-tails.js';

/** Text of records that is sent in one piece. */
const PIECE_CHARACTERS = 16 * 1024;
/** The database is asked again after so many milliseconds when it was away. */
const RETRY_MS = 2_000;

/** Where a follower stands, and how the log ended if it has. */
interface Told {
  readonly position: LogPosition | undefined;
  readonly end: LogEnd | undefined;
}

/**
 * A build's log as it grows, for one client. It reads alone, at the client's pace, what is stored behind the client's
 * cursor; at the end of the log it takes a seat at the tail that all who stand there share. A client that is slower than
 * the log reads alone again: at most one piece waits for it here, and nobody waits for it.
 */
@Injectable()
export class FollowLog {
  constructor(
    @Inject(PostgresBuilds) private readonly builds: PostgresBuilds,
    @Inject(LogFrames) private readonly frames: LogFrames,
    @Inject(LogTails) private readonly tails: LogTails,
    @Inject(Metrics) private readonly metrics: Metrics,
  ) {}

  /** Throws before anything is streamed: @throws DomainError NotFound */
  async open({ tenantId, buildId }: LogSubject): Promise<void> {
    await this.builds.get(tenantId, buildId);
  }

  async produce(subject: LogSubject, lastEventId: string | undefined, stream: EventStream): Promise<void> {
    let told: Told = { position: parsePosition(lastEventId), end: undefined };
    while (!stream.signal.aborted) {
      told = await this.readAlone(subject, told.position, stream);
      if (stream.signal.aborted) return;
      if (told.end === undefined) told = await this.followTail(subject, told.position, stream);
      if (told.end !== undefined) return await stream.end(told.end);
    }
  }

  /** To where the log ends now. A database that is away is waited for: what was not sent is read again. */
  private async readAlone(subject: LogSubject, from: LogPosition | undefined, stream: EventStream): Promise<Told> {
    let position = from;
    while (!stream.signal.aborted) {
      try {
        const pieces = inPieces(this.frames.read(subject, position));
        while (!stream.signal.aborted) {
          const { done, value } = await pieces.next();
          if (done === true) return { position, end: value };
          await stream.write(value.text);
          position = value.position;
        }
      } catch (error) {
        if (!isDomainError(error) || error.kind !== 'Unavailable') throw error;
        await pause(RETRY_MS, stream.signal);
      }
    }
    return { position, end: undefined };
  }

  private async followTail(subject: LogSubject, from: LogPosition | undefined, stream: EventStream): Promise<Told> {
    let position = from;
    const seat = await this.tails.join(subject, position);
    let { place } = seat;
    try {
      while (!stream.signal.aborted) {
        const answer = seat.tail.next(place);
        if (answer.kind === 'end') return { position, end: answer.end };
        if (answer.kind === 'behind') this.metrics.count('logFallBacks');
        if (answer.kind === 'behind' || answer.kind === 'gone') break;
        if (answer.kind === 'none') await seat.tail.changed(stream.signal);
        else {
          await stream.write(answer.batch.bytes);
          position = answer.batch.last.position;
          place = answer.batch.next;
        }
      }
      return { position, end: undefined };
    } finally {
      seat.tail.leave();
    }
  }
}

/** Frames put together, so that a log of millions of lines is not millions of writes. */
async function* inPieces(
  frames: AsyncGenerator<LogFrame, LogEnd | undefined>,
): AsyncGenerator<{ readonly text: string; readonly position: LogPosition }, LogEnd | undefined> {
  let text = '';
  let position: LogPosition | undefined;
  for (;;) {
    const { done, value } = await frames.next();
    if (done !== true) {
      text += value.text;
      position = value.position;
    }
    if (position !== undefined && (done === true || text.length >= PIECE_CHARACTERS)) {
      yield { text, position };
      text = '';
      position = undefined;
    }
    if (done === true) return value;
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done, { once: true });
  });
}
