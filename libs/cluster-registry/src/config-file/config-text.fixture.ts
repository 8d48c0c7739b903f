import { parseClusterConfig } from './parse-cluster-config.js';

export const RULES = { home: '/home/factory' };

/** `line path message` of each problem, the path without its root. */
export function problemsOf(text: string): string[] {
  const parsed = parseClusterConfig(text, RULES);
  return parsed.kind === 'valid'
    ? []
    : parsed.problems.map(({ line, path, message }) => `${line} ${path.replace('kubernetes.', '')} ${message}`);
}

/** A file with one cluster of these lines, which begin in line 3. */
export function cluster(...lines: readonly string[]): string {
  return `kubernetes:\n  clusters:\n    - ${lines.join('\n      ')}\n`;
}
