import { expect, it } from 'vitest';
import { pipelineTimeoutSeconds } from './clock-limits.js';

it('a run has the time of its build, of two waits and a margin, and no less than Tekton gives a task', () => {
  expect(pipelineTimeoutSeconds(120, 15)).toBe(160 * 60);
  expect(pipelineTimeoutSeconds(5, 15)).toBe(3_600);
});
