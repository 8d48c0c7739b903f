import { describe, expect, it } from 'vitest';
import { quantile, toResult } from './report.ts';

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

describe('a control of 0', () => {
  const input = { id: 'B3-graphile', title: '', samples: [1], q: 0.5 };

  it('is a measurement that failed', () => {
    expect(() => toResult({ ...input, control: { name: 'graphile-worker', samples: [0, 0] } })).toThrow(
      'B3-graphile: its control, graphile-worker, measured 0',
    );
  });

  it('has no ratio where it may be the finding', () => {
    const { control, ratio } = toResult({ ...input, control: { name: 'losses', samples: [0], mayBeZero: true } });
    expect({ control, ratio }).toEqual({ control: 0, ratio: null });
  });
});
