import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from './start/settings.ts';

/** Names that a folder's files declare as `readonly IF_…`. */
function declaredIn(path: string): string[] {
  const folder = join(ROOT, path);
  return readdirSync(folder)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'))
    .flatMap((file) => [...readFileSync(join(folder, file), 'utf8').matchAll(/\breadonly (IF_[A-Z_]+)\b/g)])
    .map((match) => match[1] ?? '');
}

/** Names that the example sets, commented out or not. */
function exampleNames(): string[] {
  const text = readFileSync(join(ROOT, '.env.example'), 'utf8');
  return [...text.matchAll(/^(?:# )?(IF_[A-Z_]+)=/gm)].map((match) => match[1] ?? '');
}

describe('.env.example', () => {
  const declared = new Set(
    ['libs/configuration/src', 'apps/api/src/config', 'apps/dispatcher/src/config'].flatMap(declaredIn),
  );

  it('names each variable once', () => {
    const names = exampleNames();
    expect(names.length).toBe(new Set(names).size);
  });

  it('names exactly what the two processes read', () => {
    expect(declared.size).toBeGreaterThan(20);
    expect([...new Set(exampleNames())].sort()).toEqual([...declared].sort());
  });
});
