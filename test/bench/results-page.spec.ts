import { expect, it } from 'vitest';
import { resultsPage } from './results-page.ts';

it('the page of all figures says what their files say (after a run: this file with -u)', async () => {
  await expect(resultsPage()).toMatchFileSnapshot('results/README.md');
});
