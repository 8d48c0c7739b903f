import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from './start/settings.ts';

const DOCUMENTS = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'deploy/README.md'];

/** Paths of the checkout that a document names in backticks, or links to. */
function namedPaths(document: string): string[] {
  const text = readFileSync(join(ROOT, document), 'utf8');
  const quoted = [...text.matchAll(/`((?:apps|libs|test|migrations|scripts|deploy|examples)\/[\w./-]+)`/g)].map(
    (match) => match[1] ?? '',
  );
  const linked = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map((match) => join(dirname(document), match[1] ?? ''));
  return [...quoted, ...linked];
}

/** Scripts that a document tells its reader to run. */
function namedCommands(document: string): string[] {
  const text = readFileSync(join(ROOT, document), 'utf8');
  return [...text.matchAll(/\bnpm (?:run )?(quickstart|start|test(?::\w+)?|[a-z]+(?::[a-z]+)?)\b/g)].map(
    (match) => match[1] ?? '',
  );
}

describe('the documents', () => {
  it.each(DOCUMENTS)('%s names only paths that exist', (document) => {
    expect(namedPaths(document).filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it.each(DOCUMENTS)('%s names only commands that exist', (document) => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    expect(namedCommands(document).filter((name) => !(name in scripts))).toEqual([]);
  });
});
