import { describe, expect, it } from 'vitest';
import { VerifiedShapes } from './verified-shapes.js';

describe('the shapes of documents', () => {
  it('are rendered once, and give what the contract says in the order of the rendering', () => {
    const shapes = new VerifiedShapes();
    let rendered = 0;
    const document = (contract: object, order: (from: Record<string, unknown>) => object = (from) => from): string =>
      JSON.stringify(
        shapes.document('m', contract, () => {
          rendered += 1;
          return order(contract as Record<string, unknown>);
        }),
      );
    const backwards = (from: Record<string, unknown>): object => Object.fromEntries(Object.entries(from).toReversed());
    expect(document({ a: 'x', list: ['1'] }, backwards)).toBe('{"list":["1"],"a":"x"}');
    expect(document({ a: 'other', list: ['2', '3'] })).toBe('{"list":["2","3"],"a":"other"}');
    expect(rendered).toBe(1);
  });

  it.each([
    ['another field', { a: 'x', b: 'y' }],
    ['a field of another type', { a: 1 }],
    ['a list instead of a text', { a: ['x'] }],
    ['more parts of a list', { a: 'x', parts: [{ n: 1 }, { n: 2 }] }],
  ])('differ by %s', (_name, contract) => {
    const shapes = new VerifiedShapes();
    shapes.document('m', { a: 'x' }, () => ({ a: 'x' }));
    shapes.document('m', { a: 'x', parts: [{ n: 1 }] }, () => ({ a: 'x', parts: [{ n: 1 }] }));
    expect(shapes.document('m', contract, () => 'rendered')).toBe('rendered');
  });
});
