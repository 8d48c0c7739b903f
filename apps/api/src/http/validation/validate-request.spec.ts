import 'reflect-metadata';
import { displayName } from '@image-factory/domain';
import { describe, expect, it } from 'vitest';
import { IntegerField, ListField, MapField, NestedField, TextField } from './fields.js';
import { reservedNames, validateRequest } from './validate-request.js';

class Inner {
  @TextField(displayName, { description: 'x' })
  readonly name!: string;
}

class Outer {
  @IntegerField(1, 5, { optional: true, description: 'x' })
  readonly count?: number;

  @ListField(displayName, 3, { optional: true, description: 'x' })
  readonly list?: string[];

  @MapField(displayName, displayName, 3, { optional: true, description: 'x' })
  readonly map?: Record<string, string>;

  @TextField(displayName, { optional: true, nullable: true, description: 'x' })
  readonly cleared?: string | null;

  @NestedField(() => Inner, { optional: true, description: 'x' })
  readonly inner?: Inner;
}

describe('validating a request', () => {
  it.each([
    [{}, []],
    [{ cleared: null }, []],
    [{ count: null }, ['count']],
    [{ count: '3' }, ['count']],
    [{ list: ['a', '', 'a'] }, ['list[1]', 'list[2]']],
    [{ list: 'a' }, ['list']],
    [{ map: { a: '', 'b ': 'x' } }, ['map["a"]', 'map["b "]']],
    [{ map: [] }, ['map']],
    [{ inner: 'x' }, ['inner']],
    [{ inner: { name: 5, more: 1 } }, ['inner.more', 'inner.name']],
    [{ cleared: 'half \ud800' }, ['cleared']],
    [{ unknown: 1 }, ['unknown']],
    [{ constructor: 1, inner: { name: 'n', constructor: 2 } }, ['constructor', 'inner.constructor']],
    [[], ['']],
    [null, ['']],
  ])('finds in %j what is wrong at %j', (body, paths) => {
    expect(
      validateRequest(Outer, body)
        .issues.map((issue) => issue.path)
        .sort(),
    ).toEqual(paths);
  });

  it('finds reserved names at any depth', () => {
    const body: unknown = JSON.parse('{"a":[{"__proto__":{"constructor":1}}]}');
    expect(reservedNames(body).map((issue) => issue.path)).toEqual(['a[0].__proto__']);
  });
});
