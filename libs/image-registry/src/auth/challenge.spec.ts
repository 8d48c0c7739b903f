import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseChallenges } from './challenge.js';

describe('parseChallenges', () => {
  it.each([
    ['Basic realm="Registry"', [{ scheme: 'basic', parameters: { realm: 'Registry' } }]],
    [
      'Bearer realm="https://auth.example/token",service="r.example",scope="repository:a/b:pull,push"',
      [
        {
          scheme: 'bearer',
          parameters: { realm: 'https://auth.example/token', service: 'r.example', scope: 'repository:a/b:pull,push' },
        },
      ],
    ],
    [
      'Negotiate dG9rZW4=, BEARER Realm = "a\\"b" , service=x, Basic realm="y"',
      [
        { scheme: 'negotiate', parameters: {} },
        { scheme: 'bearer', parameters: { realm: 'a"b', service: 'x' } },
        { scheme: 'basic', parameters: { realm: 'y' } },
      ],
    ],
    ['Negotiate', [{ scheme: 'negotiate', parameters: {} }]],
    ['', []],
    ['realm="x"', []],
  ])('reads %s', (header, expected) => {
    expect(parseChallenges(header)).toEqual(expected);
  });

  it('reads several header lines', () => {
    expect(parseChallenges(['Basic realm="a"', 'Bearer realm="b"']).map((challenge) => challenge.scheme)).toEqual([
      'basic',
      'bearer',
    ]);
  });

  it('ends on every input', () => {
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => Array.isArray(parseChallenges(text))));
  });
});
