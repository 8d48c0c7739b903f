import { describe, expect, it } from 'vitest';
import { quantile } from './report.ts';

describe('a quantile', () => {
  it.each([
    { samples: [3, 1], q: 0.5, expected: 2 },
    { samples: [4, 1, 3, 2], q: 0.5, expected: 2.5 },
    { samples: [3, 1, 2], q: 0.5, expected: 2 },
    { samples: [7], q: 0.5, expected: 7 },
    { samples: [4, 1, 3, 2], q: 0.95, expected: 4 },
    { samples: [4, 1, 3, 2], q: 1, expected: 4 },
  ])('$q of $samples is $expected', ({ samples, q, expected }) => {
    expect(quantile(samples, q)).toBe(expected);
  });
});
