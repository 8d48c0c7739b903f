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
  /** Proofs that it goes wrong without the rule. */
  readonly without: boolean;
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
        without: line.includes('; without it: `'),
        proofs: proofs.map(([, file, chaos, names = '']) => ({
          where: file ?? chaos ?? '',
          names: [...names.matchAll(/"([^"]+)"/g)].map(([, name = '']) => name),
        })),
      };
    });
}

/** A title, with the quote that it stands in: what follows `it(`, or the rows of an `it.each(…)`. */
const TITLE = /(?:\b(?:describe|it|test)(?:\.\w+)*\(|\)\()\s*(['"`])((?:\\.|(?!\1).)+)\1\s*,/g;
/** What stands in a title for a value of its row. */
const VALUE = /%[sdifjoO]|\$\{[^}]*\}|\$\w+/g;

function titlesIn(text: string): string[] {
  return [...text.matchAll(TITLE)].map(([, , title = '']) => title.replaceAll(/\\(['"`])/g, '$1'));
}

/**
 * Whether this is the title. Of one with values: all that stands before one of them, or the title with values that stand
 * in the file.
 */
function isTitle(name: string, title: string, text: string): boolean {
  if (name === title) return true;
  const values = [...title.matchAll(VALUE)];
  if (values.length === 0) return false;
  if (values.some(({ index }) => name === title.slice(0, index).replace(/[\s,:(]+$/, ''))) return true;
  const parts = title.split(VALUE).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  const [, ...filled] = new RegExp(`^${parts.join('(.+?)')}$`).exec(name) ?? [];
  return (
    filled.length > 0 && filled.every((value) => text.includes(`'${value}'`) || /^(?:-?\d+|true|false)$/.test(value))
  );
}

/** Names of a row that no test has, and files of which it names no test. */
function missing({ proofs }: Row): string[] {
  return proofs.flatMap(({ where, names }) => {
    if (where === 'chaos') {
      return names.filter((name) => !FAULTS.includes(`'${name}'`) && !CROSSINGS.includes(name));
    }
    if (!/\.(?:spec|test)\.ts$/.test(where) || !existsSync(join(ROOT, where)) || names.length === 0) return [where];
    const text = readFileSync(join(ROOT, where), 'utf8');
    const titles = titlesIn(text);
    return names
      .filter((name) => !titles.some((title) => isTitle(name, title, text)))
      .map((name) => `${where}: ${name}`);
  });
}

describe('a name of a test', () => {
  it.each([
    ['its title', 'says why', true],
    ['a word of its title', 'says', false],
    ['all before a value', 'says why when it is', true],
    ['a word before a value', 'says why when it', false],
    ['its title with a value of the file', 'says why when it is cordoned', true],
    ['its title with another value', 'says why when it is away', false],
  ])('may be %s: %s, %s', (_what, name, expected) => {
    const text = `it('says why', () => {}); it.each([['cordoned']])('says why when it is %s', () => {});`;
    expect(titlesIn(text).some((title) => isTitle(name, title, text))).toBe(expected);
  });
});

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
  const rules = rowsUnder('### Rules and their proofs');
  const numberOf = ({ event }: Row): number => Number(/^\| (\d+)/.exec(event)?.[1]);

  it('are all there, in order', () => {
    expect(rules.map(numberOf)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  });

  it('are each seen to be needed', () => {
    expect(rules.filter(({ without }) => !without).map(numberOf)).toEqual([]);
  });
});
