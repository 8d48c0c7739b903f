import { describe, expect, it } from 'vitest';
import type { HealthLevel, SteadyHealth } from './steady-health.js';
import { steadyHealth } from './steady-health.js';

const LEVELS: Readonly<Record<string, HealthLevel>> = {
  h: { verdict: 'healthy', tektonAnswers: true },
  d: { verdict: 'degraded', tektonAnswers: true },
  t: { verdict: 'degraded', tektonAnswers: false },
  u: { verdict: 'unhealthy', tektonAnswers: false },
  '?': { verdict: 'unknown', tektonAnswers: false },
};

const level = (letter: string): HealthLevel => LEVELS[letter] ?? expect.unreachable(letter);

/** What is shown after each of these probes, one letter each. */
function shownAfter(first: string, seen: string, confirmations?: number): string {
  let shown: SteadyHealth = { ...level(first), streak: 0 };
  return [...seen]
    .map((letter) => {
      shown = steadyHealth(shown, level(letter), confirmations);
      const { verdict, tektonAnswers } = shown;
      const at = Object.entries(LEVELS).find(
        ([, one]) => one.verdict === verdict && one.tektonAnswers === tektonAnswers,
      );
      return at?.[0] ?? 'x';
    })
    .join('');
}

describe('the health that is shown', () => {
  it.each([
    ['is what the first probe sees', '?', 'u', 'u'],
    ['does not flap with one lost probe', 'h', 'uhuhuhh', 'hhhhhhh'],
    ['follows the second probe in a row', 'h', 'uuu', 'huu'],
    ['comes back by two answers in a row', 'u', 'huhh', 'uuuh'],
    ['counts all that is worse together, and shows the last', 'h', 'udd', 'hdd'],
    ['does not add a worse probe to a better one', 'd', 'uhuhuu', 'dddddu'],
    ['is not withdrawn from builds by one lost answer of Tekton', 'd', 'tdtt', 'dddt'],
  ])('%s', (_name, first, seen, shown) => {
    expect(shownAfter(first, seen)).toBe(shown);
  });

  it('takes as many confirmations as it is told', () => {
    expect(shownAfter('h', 'uuuu', 3)).toBe('hhuu');
    expect(shownAfter('h', 'uh', 1)).toBe('uh');
  });
});
