import { describe, expect, it } from 'vitest';
import { tenantText } from './tenant-text.js';

describe('what a tenant may read of a message', () => {
  it.each([
    ['StepFailed', 'Step build exited with code 2.'],
    ['BackOff', 'provider a cannot take it now'],
    [undefined, 'placed on a'],
    [null, 'placed on a'],
  ])('is the message itself for %s', (reason, message) => {
    expect(tenantText(reason, message)).toBe(message);
  });

  it.each(['CloudAccessDenied', 'ClusterUnreachable', 'ProviderAtLimit', 'InstallationAtLimit', 'ImagePullFailed'])(
    'is a sentence of its own for %s',
    (reason) => {
      const text = tenantText(reason, 'canary');
      expect(text).not.toContain('canary');
      expect(text.length).toBeGreaterThan(10);
    },
  );

  it('is nothing of a message whose word is no reason of ours', () => {
    expect(tenantText('SomethingFromElsewhere', 'canary')).not.toContain('canary');
  });
});
