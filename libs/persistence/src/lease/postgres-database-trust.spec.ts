import { describe, expect, it } from 'vitest';
import { isLaterTimeline } from './postgres-database-trust.js';

describe('a later timeline', () => {
  it.each([
    ['71/00000001', '71/00000002', true],
    ['71/00000009', '71/0000000A', true],
    ['71/00000002', '71/00000002', false],
    ['71/00000002', '71/00000001', false],
    ['71/00000001', '72/00000002', false],
    ['?/00000001', '?/00000002', false],
    ['71/?', '71/00000002', false],
    ['71/00000001', '71/?', false],
  ])('of %s is %s: %s', (known, found, isLater) => {
    expect(isLaterTimeline(known, found)).toBe(isLater);
  });
});
