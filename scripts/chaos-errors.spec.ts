import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ALLOWED_ERRORS } from '../test/chaos/check/allowed-errors.ts';
import { ROOT } from './start/settings.ts';

const SOURCES = globSync(['apps/*/src/**/*.ts', 'libs/*/src/**/*.ts'], { cwd: ROOT })
  .filter((file) => !file.endsWith('.spec.ts'))
  .map((file) => readFileSync(join(ROOT, file), 'utf8'))
  .join('\n');

describe('each error that the chaos suite allows', () => {
  it.each(ALLOWED_ERRORS.map(({ message }) => message))('is one that the product says: "%s"', (message) => {
    const said = [`logger.error('${message}'`, `const message = '${message}';\n      this.logger.error(message`];
    expect(said.some((text) => SOURCES.includes(text))).toBe(true);
  });
});
