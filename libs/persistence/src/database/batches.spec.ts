import { describe, expect, it } from 'vitest';
import { Batches, type EndedBatch } from './batches.js';

describe('Batches', () => {
  it('tell what waits and each batch that ends, with its size, also the parts of one that is divided', async () => {
    const batches = new Batches();
    const ended: EndedBatch[] = [];
    batches.onEnd((batch) => ended.push(batch));
    const batcher = batches.make<string, string>('place', {
      run: (items) => (items.includes('bad') ? Promise.reject(new Error('refused')) : Promise.resolve([...items])),
    });
    batches.make<string, string>('read', { run: (items) => Promise.resolve([...items]) });
    const answers = Promise.allSettled(['a', 'b', 'bad'].map((item) => batcher.submit(item)));
    expect(batches.waiting()).toEqual(
      new Map([
        ['place', 3],
        ['read', 0],
      ]),
    );
    await answers;
    expect(batches.waiting().get('place')).toBe(0);
    expect(ended.map(({ name, items, isPart }) => [name, items, isPart])).toEqual([
      ['place', 3, false],
      ['place', 1, true],
      ['place', 2, true],
      ['place', 1, true],
      ['place', 1, true],
    ]);
    expect(ended.every(({ seconds }) => seconds >= 0)).toBe(true);
  });
});
