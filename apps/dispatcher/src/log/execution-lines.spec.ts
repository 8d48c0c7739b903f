import { describe, expect, it } from 'vitest';
import { createdLine, endLine, placeLine } from './execution-lines.js';

const RUN = { infrastructureType: 'kubernetes', name: 'if-run-1', namespace: 'image-factory-01234567' } as const;
const LOCAL = { infrastructureType: 'local', name: 'if-run-1', namespace: 'builder-7.internal.example' } as const;

describe('the product’s own lines in a log', () => {
  it('are those of the contract', () => {
    expect(placeLine(RUN)).toBe('Using Kubernetes namespace: image-factory-01234567');
    expect(createdLine(RUN)).toBe('Created PipelineRun: if-run-1');
    const end = {
      outcome: 'failed',
      reason: 'StepFailed',
      message: 'Step build exited with code 2.\nmore',
      seconds: 8.25,
    };
    expect(endLine(RUN, end)).toBe(
      'PipelineRun if-run-1 failed (StepFailed) after 8.3 s: Step build exited with code 2.',
    );
  });

  it('do not name the host of a local run', () => {
    expect(placeLine(LOCAL) + createdLine(LOCAL)).not.toContain('builder-7');
  });

  it('say of a cluster’s trouble what a tenant may read', () => {
    const message = 'arn:aws:iam::443322110099:role/builder may not be assumed';
    const line = endLine(RUN, { outcome: 'moved', reason: 'CloudAccessDenied', message, seconds: 1 });
    expect(line).toContain('(CloudAccessDenied)');
    expect(line).not.toContain('443322110099');
  });
});
