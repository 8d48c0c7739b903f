import type { LogRecord } from '@image-factory/domain';

const WORDS = ['Resolving', 'Downloading', 'Unpacking', 'Compiling', 'Linking', 'Copying', 'Setting', 'Checking'];

/** Lines of a build of about 104 bytes: repeated words, changing names and numbers, as package managers print. */
export function buildLine(index: number): string {
  const word = WORDS[index % WORDS.length] ?? '';
  const hash = ((index * 2_654_435_761) >>> 0).toString(16).padStart(8, '0');
  return `#${index % 17} ${(index / 7).toFixed(3)} ${word} package lib-${hash.slice(0, 4)}-dev (${index % 9}.${index % 31}.${hash}) from https://mirror.example/pool/main/${hash}`;
}

export function records(from: number, count: number): LogRecord[] {
  const time = '2026-01-01T00:00:00.000000000Z';
  return Array.from({ length: count }, (_unused, index) => ({
    kind: 'line',
    time,
    text: Buffer.from(buildLine(from + index)),
    newline: true,
  }));
}

export function rawBytes(batch: readonly LogRecord[]): number {
  return batch.reduce((sum, record) => sum + (record.kind === 'line' ? record.text.length + 1 : 0), 0);
}
