import type { LogFrame } from './log-frames.js';

/** What a frame costs in memory beside its text. */
const FRAME_OVERHEAD_BYTES = 400;
/** One write to a follower. */
const BATCH_BYTES = 64 * 1024;

/** Frames that follow a place, as one piece to send. */
export interface FrameBatch {
  readonly bytes: Buffer;
  /** The last frame in it. */
  readonly last: LogFrame;
  /** The place behind it. */
  readonly next: number;
}

/**
 * The newest frames of a log, in bounded memory. Places are numbers that count frames up; each is also known by the id
 * of the frame before it. A frame that is larger than the whole ring is not kept: its followers are behind at once.
 */
export class FrameRing {
  private readonly frames: LogFrame[] = [];
  private readonly placeById = new Map<string, number>();
  private first = 0;
  private weight = 0;
  /** Of the frame before the first that is kept. */
  private baseId: string;
  /** Followers of one log stand at one place: what they get next is put together once. */
  private latest: { readonly from: number; readonly batch: FrameBatch } | undefined;

  constructor(
    baseId: string,
    private readonly maxBytes: () => number,
  ) {
    this.baseId = baseId;
  }

  /** The place behind the newest frame. */
  get head(): number {
    return this.first + this.frames.length;
  }

  get headId(): string {
    return this.frames.at(-1)?.id ?? this.baseId;
  }

  /** Memory that is held, in bytes. */
  get heldBytes(): number {
    return this.weight;
  }

  push(frame: LogFrame): void {
    this.frames.push(frame);
    this.placeById.set(frame.id, this.head);
    this.weight += weightOf(frame);
    const maxBytes = this.maxBytes();
    while (this.weight > maxBytes) this.drop();
  }

  /** Undefined when what follows that frame is not all here. */
  placeBehind(id: string): number | undefined {
    return id === this.baseId ? this.first : this.placeById.get(id);
  }

  /** Frames from a place on; `none` at the head, `behind` when the first of them is gone. */
  from(place: number): FrameBatch | 'behind' | 'none' {
    if (place < this.first) return 'behind';
    if (place >= this.head) return 'none';
    if (this.latest?.from !== place || !this.isWhole(this.latest.batch)) {
      this.latest = { from: place, batch: this.collect(place) };
    }
    return this.latest.batch;
  }

  /** False when frames came since that would have gone into it. */
  private isWhole({ next, bytes }: FrameBatch): boolean {
    return next === this.head || bytes.length >= BATCH_BYTES;
  }

  private collect(place: number): FrameBatch {
    const texts: string[] = [];
    let last: LogFrame | undefined;
    let length = 0;
    for (let index = place - this.first; index < this.frames.length && length < BATCH_BYTES; index += 1) {
      last = this.frames[index];
      texts.push(last?.text ?? '');
      length += last?.text.length ?? 0;
    }
    if (last === undefined) throw new Error('a batch has at least one frame');
    return { bytes: Buffer.from(texts.join(''), 'utf8'), last, next: place + texts.length };
  }

  private drop(): void {
    const frame = this.frames.shift();
    if (frame === undefined) return;
    this.first += 1;
    this.weight -= weightOf(frame);
    this.placeById.delete(frame.id);
    this.baseId = frame.id;
    if (this.latest !== undefined && this.latest.from < this.first) this.latest = undefined;
  }
}

/** Texts take up to two bytes a character. */
function weightOf(frame: LogFrame): number {
  return FRAME_OVERHEAD_BYTES + 2 * frame.text.length;
}
