import { describe, expect, it } from 'vitest';
import { otherMethods, ROUTES, ruleOf } from './route-table.js';

describe('the route table', () => {
  it('names every route once', () => {
    const names = ROUTES.map((rule) => `${rule.method} ${rule.path}`);
    expect(new Set(names).size).toBe(names.length);
  });

  it('keeps tenants out of platform routes and everybody out of what it does not name', () => {
    expect(ROUTES.filter((rule) => rule.path.includes('/admin/')).every((rule) => rule.scope === 'platform')).toBe(
      true,
    );
    expect(ruleOf('GET', '/api/v1/secret')).toBeUndefined();
    expect(ruleOf('POST', '/docs/x')).toBeUndefined();
    expect(ruleOf('HEAD', '/api/v1/builds')?.permission).toBe('build:read');
  });

  it('tells which other methods an address has', () => {
    expect(otherMethods('/api/v1/projects/1', 'PUT')).toEqual(['GET', 'PATCH', 'DELETE']);
    expect(otherMethods('/api/v1/projects/1', 'GET')).toEqual([]);
    expect(otherMethods('/api/v1/nothing', 'GET')).toEqual([]);
  });
});
