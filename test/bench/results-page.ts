import { readdirSync, readFileSync } from 'node:fs';
import type { BenchmarkReport, BenchmarkResult } from './report.ts';

const RESULTS = new URL('./results/', import.meta.url);

/** Every figure of the result files, met or missed, as one page of Markdown. */
export function resultsPage(): string {
  const files = readdirSync(RESULTS).filter((name) => name.endsWith('.json'));
  const parts = files.sort().map((name) => {
    const report = JSON.parse(readFileSync(new URL(name, RESULTS), 'utf8')) as BenchmarkReport;
    return [`## [${report.name}](${name})`, '', ...about(report), '', ...table(report.results)].join('\n');
  });
  return `# Figures\n\nWritten from the files beside it; CONTRIBUTING.md says how they are measured.\n\n${parts.join('\n\n')}\n`;
}

function about({ machine, versions, command: latest, results }: BenchmarkReport): readonly string[] {
  const built = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const commands = results.flatMap(({ command = latest, commit }) =>
    command.split(' && ').map((one) => `- \`${one}\`${commit === undefined ? '' : ` at ${commit}`}`),
  );
  return [`${machine}; ${built.join(', ')}.`, '', ...new Set(commands)];
}

function table(results: readonly BenchmarkResult[]): readonly string[] {
  const head = ['id', 'figure', 'ours', 'control', 'ratio', 'spread of ours', 'target'];
  return [head, head.map(() => '---'), ...results.map(toRow)].map((cells) => `| ${cells.join(' | ')} |`);
}

function toRow({ id, title, ours, control, control_name, ratio, spread, target, met }: BenchmarkResult): string[] {
  return [
    id,
    title,
    String(ours),
    control === null ? '' : `${control} (${control_name ?? ''})`,
    ratio === null ? '' : String(ratio),
    `${spread[0]} – ${spread[1]}`,
    target === null ? '' : `${target}: ${met === true ? 'met' : '**missed**'}`,
  ];
}
