import { Writable } from 'node:stream';
import type pg from 'pg';
import { describe, expect, it } from 'vitest';
import { sendTogether } from './send-together.js';

describe('what is sent together', () => {
  it('leaves at once and in one piece, and what comes after it by itself', async () => {
    const pieces: string[] = [];
    const take = (chunks: readonly { readonly chunk: Buffer }[]): void => {
      pieces.push(chunks.map(({ chunk }) => chunk.toString()).join(''));
    };
    const stream = new Writable({
      write: (chunk: Buffer, _encoding, done) => done(void take([{ chunk }])),
      writev: (chunks, done) => done(void take(chunks)),
    });
    const client = { connection: { stream } } as unknown as pg.PoolClient;
    const send = (text: string): void => {
      sendTogether(client);
      stream.write(text);
    };
    await Promise.all(
      ['a', 'b', 'c'].map(async (text) => {
        await Promise.resolve();
        send(text);
      }),
    );
    await new Promise((resolve) => setImmediate(resolve));
    send('d');
    await new Promise((resolve) => setImmediate(resolve));
    expect(pieces).toEqual(['abc', 'd']);
  });
});
