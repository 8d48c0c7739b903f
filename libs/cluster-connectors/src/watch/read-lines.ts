import type { Readable } from 'node:stream';

/** A line longer than this ends the stream: no object that etcd stores comes near. */
export const MAX_LINE_BYTES = 32 * 1024 * 1024;

/**
 * The lines of a byte stream, cut at line feeds before they are decoded, so that no chunk border splits a character. A
 * rest without a line feed is not given: it was cut off.
 */
export async function* readLines(body: Readable, onBytes: () => void): AsyncGenerator<string> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    onBytes();
    let start = 0;
    for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, start)) {
      const line = Buffer.concat([...rest, chunk.subarray(start, at)]).toString('utf8');
      rest = [];
      restBytes = 0;
      start = at + 1;
      if (line.trim() !== '') yield line;
    }
    if (start < chunk.length) {
      rest.push(chunk.subarray(start));
      restBytes += chunk.length - start;
      if (restBytes > MAX_LINE_BYTES) throw new Error(`a line is longer than ${MAX_LINE_BYTES} bytes`);
    }
  }
}
