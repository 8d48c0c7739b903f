import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from './start/settings.ts';

const FAULTS = readdirSync(join(ROOT, 'test/chaos/fault'))
  .map((file) => readFileSync(join(ROOT, 'test/chaos/fault', file), 'utf8'))
  .join('\n');
/** Faults that are named by what they strike. */
const CROSSINGS = ['kill at', 'cut at', 'freeze at'];

interface Row {
  readonly event: string;
  /** Tests by file, and chaos faults under `chaos`, with the names that the row gives. */
  readonly proofs: readonly { readonly where: string; readonly names: readonly string[] }[];
}

/** The table under a heading of ARCHITECTURE.md, by its last column. */
function rowsUnder(heading: string): Row[] {
  const text = readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8');
  const from = text.indexOf(`${heading}\n`);
  const section = text.slice(from + heading.length).split(/\n#+ /)[0] ?? '';
  const lines = section.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| event '));
  return lines
    .filter((line) => !line.startsWith('| # '))
    .map((line) => {
      const cells = line.split(' | ');
      const proofs = [...(cells.at(-1) ?? '').matchAll(/(?:`([^`]+)`|\b(chaos):)((?:,? "[^"]+")*)/g)];
      return {
        event: cells.slice(0, 2).join(' ').slice(0, 60),
        proofs: proofs.map(([, file, chaos, names = '']) => ({
          where: file ?? chaos ?? '',
          names: [...names.matchAll(/"([^"]+)"/g)].map(([, name = '']) => name),
        })),
      };
    });
}

/** Names of a row that stand nowhere. */
function missing({ proofs }: Row): string[] {
  return proofs.flatMap(({ where, names }) => {
    if (where === 'chaos') {
      return names.filter((name) => !FAULTS.includes(`'${name}'`) && !CROSSINGS.includes(name));
    }
    if (!/\.(?:spec|test)\.ts$/.test(where) || !existsSync(join(ROOT, where))) return [where];
    const text = readFileSync(join(ROOT, where), 'utf8');
    return names.filter((name) => !text.includes(name)).map((name) => `${where}: ${name}`);
  });
}

describe.each([
  ['## When something breaks', 20],
  ['### Rules and their proofs', 20],
])('each row of "%s"', (heading, least) => {
  const rows = rowsUnder(heading);

  it('is there', () => {
    expect(rows.length).toBeGreaterThanOrEqual(least);
  });

  it.each(rows.map((row) => [row.event, row] as const))('names tests that exist: %s', (_event, row) => {
    const tests = row.proofs.filter(({ where }) => where !== 'chaos');
    expect(tests.length).toBeGreaterThan(0);
    expect(missing(row)).toEqual([]);
  });
});

describe('the twenty rules', () => {
  it('are all there, in order', () => {
    const numbers = rowsUnder('### Rules and their proofs').map(({ event }) => Number(/^\| (\d+)/.exec(event)?.[1]));
    expect(numbers).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  });
});
