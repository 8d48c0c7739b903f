import { describe, expect, it } from 'vitest';
import { judge, type MeasuredFigure } from './bench-guards.ts';

function figure(part: Partial<MeasuredFigure>): MeasuredFigure {
  return { id: 'B5-over', title: 'looks', ours: 0, ratio: null, target: '0', met: true, ...part };
}

describe('a guard of the benchmarks', () => {
  it.each([
    ['an exact figure that meets its target', figure({}), { passed: 1, failed: 0 }],
    ['an exact figure that misses it', figure({ ours: 1, met: false }), { passed: 0, failed: 1 }],
    ['an exact figure without a target', figure({ met: null }), { passed: 0, failed: 1 }],
    ['nothing measured', figure({ id: 'B4-jain' }), { passed: 0, failed: 1 }],
  ])('judges %s', (_what, measured, tally) => {
    expect(judge([{ id: 'B5-over', exact: true }], [measured]).tally).toMatchObject(tally);
  });

  it.each([
    [figure({ ratio: 0.5 }), 1],
    [figure({ ratio: 0.49 }), 0],
    [figure({ ratio: null }), 0],
  ])('bounds a ratio: %o', (measured, passed) => {
    expect(judge([{ id: 'B5', of: 'ratio', least: 0.5 }], [measured]).tally.passed).toBe(passed);
  });

  it('judges each figure whose id begins so', () => {
    const measured = [figure({ id: 'B15-429' }), figure({ id: 'B15-silence', met: false })];
    const { tally, lines } = judge([{ id: 'B15-', exact: true }], measured);
    expect(tally).toMatchObject({ passed: 1, failed: 1 });
    expect(lines.at(-1)).toContain('✗ B15-silence');
    expect(tally.failures).toEqual([expect.stringContaining('B15-silence: 0, wanted 0')]);
  });
});
