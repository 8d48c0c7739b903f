import { describe, expect, it } from 'vitest';
import { FrameRing } from './frame-ring.js';
import type { LogFrame } from './log-frames.js';

function frame(offset: number, text = `frame ${offset}`): LogFrame {
  return { id: `1:b/b:${offset}`, position: { attempt: 1, step: 'b/b', byteOffset: offset, gaps: 0 }, text };
}

function texts(ring: FrameRing, place: number): string | undefined {
  const batch = ring.from(place);
  return typeof batch === 'string' ? batch : batch.bytes.toString('utf8');
}

describe('a ring of frames', () => {
  it('gives what follows a place, which is known by the id before it', () => {
    const ring = new FrameRing('', () => 10_000);
    for (const offset of [1, 2, 3]) ring.push(frame(offset));
    expect(texts(ring, ring.placeBehind('')!)).toBe('frame 1frame 2frame 3');
    expect(texts(ring, ring.placeBehind('1:b/b:2')!)).toBe('frame 3');
    expect(ring.from(ring.placeBehind('1:b/b:3')!)).toBe('none');
    expect(ring.placeBehind('1:b/b:9')).toBeUndefined();
  });

  it('gives followers at one place the very same bytes, and newer frames to those that come later', () => {
    const ring = new FrameRing('', () => 10_000);
    ring.push(frame(1));
    const first = ring.from(0);
    expect(ring.from(0)).toBe(first);
    ring.push(frame(2));
    expect(texts(ring, 0)).toBe('frame 1frame 2');
  });

  it('never holds more than it may, forgets the oldest first and says so', () => {
    const ring = new FrameRing('', () => 5_000);
    for (let offset = 1; offset <= 1_000; offset += 1) {
      ring.push(frame(offset));
      expect(ring.heldBytes).toBeLessThanOrEqual(5_000);
    }
    expect(ring.from(0)).toBe('behind');
    expect(ring.placeBehind('')).toBeUndefined();
    expect(texts(ring, ring.placeBehind('1:b/b:999')!)).toBe('frame 1000');
  });

  it('does not keep a frame that is larger than itself, and goes on behind it', () => {
    const ring = new FrameRing('', () => 5_000);
    ring.push(frame(1));
    ring.push(frame(2, 'x'.repeat(5_000)));
    expect(ring.heldBytes).toBe(0);
    expect(ring.from(0)).toBe('behind');
    ring.push(frame(3));
    expect(texts(ring, ring.placeBehind('1:b/b:2')!)).toBe('frame 3');
  });

  it('sends much in several pieces, none of which is lost or repeated', () => {
    const ring = new FrameRing('', () => 10_000_000);
    for (let offset = 1; offset <= 100; offset += 1) ring.push(frame(offset, `${offset}${'.'.repeat(5_000)};`));
    const seen: string[] = [];
    let pieces = 0;
    for (let place = 0; ; pieces += 1) {
      const batch = ring.from(place);
      if (typeof batch === 'string') break;
      expect(batch.bytes.length).toBeLessThan(75_000);
      seen.push(...batch.bytes.toString('utf8').split(';').filter(Boolean));
      place = batch.next;
    }
    expect(seen.map((text) => Number.parseInt(text, 10))).toEqual(
      Array.from({ length: 100 }, (_x, index) => index + 1),
    );
    expect(pieces).toBeGreaterThan(5);
  });
});
