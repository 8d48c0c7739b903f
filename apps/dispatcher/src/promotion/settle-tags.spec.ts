import { DomainError, type Reason } from '@image-factory/domain';
import { describe, expect, it } from 'vitest';
import { isOfRegistry } from './settle-tags.js';

const error = (reason: Reason, details: Record<string, unknown> = {}): DomainError =>
  new DomainError({ kind: 'Internal', reason, message: 'it failed', details });

describe('what fails while tags are put', () => {
  it('is the registry’s doing when the registry refused, and not when our database did, whatever it said', () => {
    expect(isOfRegistry(error('RegistryRefused'))).toBe(true);
    expect(isOfRegistry(error('DatabaseUnavailable'))).toBe(false);
    expect(isOfRegistry(error('Internal', { sqlState: '25P02' }))).toBe(false);
    expect(isOfRegistry(new Error('a defect of ours'))).toBe(false);
  });
});
