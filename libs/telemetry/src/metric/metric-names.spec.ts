import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { type MetricName, metricNames } from './metric-names.js';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));

/** The product's sources: no tests, and not where the names are defined. */
function sources(): string[] {
  return ['apps', 'libs'].flatMap((top) =>
    readdirSync(join(ROOT, top)).flatMap((name) => {
      const directory = join(ROOT, top, name, 'src');
      return readdirSync(directory, { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts') && !file.endsWith('metric-names.ts'))
        .map((file) => readFileSync(join(directory, file), 'utf8'));
    }),
  );
}

/** How each kind is recorded; gauges also through helpers of the file that observes them. */
const RECORDED: Readonly<Record<(typeof metricNames)[MetricName]['kind'], string>> = {
  counter: String.raw`\.count\(\s*`,
  histogram: String.raw`\.recordSeconds\(\s*`,
  gauge: String.raw`(?:observe|observeMany|perCluster|perClass)\(\s*`,
};

it('every metric that is defined is recorded somewhere', () => {
  const text = sources().join('\n');
  const names = Object.entries(metricNames) as [MetricName, (typeof metricNames)[MetricName]][];
  const unrecorded = names.filter(([name, { kind }]) => !new RegExp(`${RECORDED[kind]}'${name}'`).test(text));
  expect(unrecorded.map(([name]) => name)).toEqual([]);
});
