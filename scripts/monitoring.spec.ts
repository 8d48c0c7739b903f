import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parser } from '@prometheus-io/lezer-promql';
import { metricNames } from '@image-factory/telemetry';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ROOT } from './start/settings.ts';

const FOLDER = join(ROOT, 'deploy', 'monitoring');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string };
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

const groups = (parse(read('alerts.yaml')) as { readonly groups: readonly { readonly rules: readonly Rule[] }[] })
  .groups;
const rules = groups.flatMap((group) => group.rules);
const { panels } = JSON.parse(read('dashboard.json')) as { readonly panels: readonly Panel[] };
const expressions = [
  ...rules.map(({ alert, expr }) => ({ of: alert, expr })),
  ...panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ of: title, expr }))),
];

function read(name: string): string {
  return readFileSync(join(FOLDER, name), 'utf8');
}

/** Names of series as a scrape has them. */
function series(): ReadonlySet<string> {
  const names = Object.values(metricNames).flatMap(({ kind, name }) =>
    kind === 'counter'
      ? [`${name}_total`]
      : kind === 'gauge'
        ? [name]
        : [`${name}_bucket`, `${name}_sum`, `${name}_count`],
  );
  return new Set(names);
}

/** Syntax errors of an expression, and the metrics that it names. Grafana's own variables stand for a duration. */
function parsed(expr: string): { readonly errors: number; readonly metrics: readonly string[] } {
  const text = expr.replaceAll('$__rate_interval', '5m');
  let errors = 0;
  const metrics: string[] = [];
  parser.parse(text).iterate({
    enter: (node) => {
      if (node.type.isError) errors += 1;
      if (node.name === 'VectorSelector') metrics.push(/^\w+/.exec(text.slice(node.from, node.to))?.[0] ?? '');
    },
  });
  return { errors, metrics };
}

describe('alerts and dashboard', () => {
  it.each(expressions)('$of asks for metrics that exist, in an expression that can be parsed', ({ expr }) => {
    const { errors, metrics } = parsed(expr);
    expect(errors).toBe(0);
    expect(metrics.length).toBeGreaterThan(0);
    const known = series();
    expect(metrics.filter((name) => !known.has(name))).toEqual([]);
  });

  it('are held against a parser that finds errors', () => {
    expect(parsed('sum(rate(image_factory_claims_total[5m])').errors).toBeGreaterThan(0);
    expect(parsed('max by (le (x)').errors).toBeGreaterThan(0);
  });

  it('has a section of the runbook for each alert, and no other', () => {
    const sections = [...read('README.md').matchAll(/^### (.*)$/gm)].map((match) => match[1]);
    expect(sections.toSorted()).toEqual(rules.map(({ alert }) => alert).toSorted());
    expect(new Set(sections).size).toBe(sections.length);
  });

  it('says of each alert how urgent it is, and what it is, in a sentence', () => {
    for (const { labels, annotations } of rules) {
      expect(['page', 'ticket']).toContain(labels.severity);
      expect(annotations.summary).toMatch(/\.$/);
    }
  });

  it('alarms on every invariant', () => {
    const alarmed = new Set(rules.flatMap(({ expr }) => parsed(expr).metrics));
    const invariants = Object.values(metricNames).flatMap(({ name }) => (name.includes('_invariant_') ? [name] : []));
    expect(invariants.length).toBeGreaterThan(5);
    expect(invariants.filter((name) => !alarmed.has(name))).toEqual([]);
  });

  it('gives each panel an id of its own', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  });
});
