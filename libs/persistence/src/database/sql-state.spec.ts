import { describe, expect, it } from 'vitest';
import { DomainError } from '@image-factory/domain';
import { isUniqueViolation, toDatabaseError } from './sql-state.js';

function postgresError(code: string, fields: Record<string, unknown> = {}): Error {
  return Object.assign(new Error('canary: a value of a row'), { code, ...fields });
}

describe('an error of the database', () => {
  it.each([
    ['57P01', 'Unavailable', 'DatabaseUnavailable', true],
    ['08006', 'Unavailable', 'DatabaseUnavailable', true],
    ['ECONNREFUSED', 'Unavailable', 'DatabaseUnavailable', true],
    ['25006', 'Unavailable', 'DatabaseUnavailable', true],
    ['53100', 'Unavailable', 'DatabaseUnavailable', true],
    ['40P01', 'Unavailable', 'DatabaseUnavailable', true],
    ['57014', 'Unavailable', 'DatabaseUnavailable', true],
    ['42P01', 'Unavailable', 'SchemaOutdated', false],
    ['23505', 'Conflict', 'Conflict', false],
    ['23503', 'Conflict', 'InUse', false],
    ['23514', 'Internal', 'Internal', false],
    ['XX000', 'Internal', 'Internal', false],
  ])('with SQLSTATE %s is %s %s', (code, kind, reason, retryable) => {
    const error = toDatabaseError(postgresError(code));
    expect(error).toMatchObject({ kind, reason, retryable, details: { sqlState: code } });
    expect(error.message).not.toContain('canary');
  });

  it.each(['Connection terminated unexpectedly', 'Query runner already released. Cannot run queries anymore.'])(
    'of a lost socket without a code is unavailable: %s',
    (text) => {
      expect(toDatabaseError(new Error(text))).toMatchObject({ reason: 'DatabaseUnavailable' });
    },
  );

  it('that has a meaning already keeps it', () => {
    const error = new DomainError({ kind: 'NotFound', reason: 'NotFound', message: 'x' });
    expect(toDatabaseError(error)).toBe(error);
  });

  it('tells which constraint was violated', () => {
    const error = toDatabaseError(postgresError('23505', { constraint: 'tenants_name' }));
    expect(isUniqueViolation(error, 'tenants_name')).toBe(true);
    expect(isUniqueViolation(error, 'other')).toBe(false);
  });
});
