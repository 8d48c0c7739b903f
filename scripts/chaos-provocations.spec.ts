import { describe, expect, it } from 'vitest';
import { PROVOCATIONS } from '../test/chaos/fault/provocations.ts';
import { readCrossings } from '../test/chaos/schedule/fault-table.ts';

describe('each crossing that the chaos suite brings about', () => {
  const known = new Set(readCrossings().map(({ label }) => label));
  it.each(PROVOCATIONS.flatMap(({ of }) => of))('is one that a census has met: "%s"', (label) => {
    expect(known).toContain(label);
  });
});
